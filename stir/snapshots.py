"""The state of long computations on disk, so that interrupted ones resume as if they had not been interrupted."""

import hashlib
import os
import time
import zipfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from stir.errors import warn_caller
from stir.files import create, open_file
from stir.provenance import code_version, package_versions

State = dict[str, Any]
AT_ONCE = 2**24
"""Number of values that are copied from a GPU at once."""


class Snapshot:
    """A file that contains the latest state, at most ``seconds`` and one step of the work old.

    Parameters
    ----------
    path : Path
        Written completely or not at all; removed by `discard`.
    seconds : float
        Time between two writes.

    Examples
    --------
    >>> import torch
    >>> from pathlib import Path
    >>> from sklearn.datasets import load_digits
    >>> from stir.training import Snapshot, TrainingRecipe, train
    >>> digits = load_digits()
    >>> images, labels = torch.tensor(digits.images[:500, None] / 16).float(), torch.tensor(digits.target[:500])
    >>> model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 10))
    >>> recipe = TrainingRecipe("vanilla", epochs=2, batch_size=50, learning_rate=0.1, momentum=0.9, weight_decay=0)
    >>> snapshot = Snapshot(Path("training.snapshot"))
    >>> curve = train(model, images, labels, recipe, generator=torch.manual_seed(0), snapshot=snapshot)
    >>> snapshot.discard()
    >>> len(curve.training_loss)
    2
    """

    def __init__(self, path: Path, *, seconds: float = 20.0) -> None:
        self.path, self.seconds = path, seconds
        self._part = self._beside("part")
        self._written = time.monotonic()

    def offer(self, state: Callable[[], State]) -> None:
        """Write the state if it is time to.

        Parameters
        ----------
        state : callable
            Returns tensors, numbers and text, in dictionaries and lists.

        Warns
        -----
        UserWarning
            If it cannot be written; the work continues.
        """
        if time.monotonic() - self._written >= self.seconds:
            self._write(state())
            self._written = time.monotonic()

    def load(self, expected: Mapping[str, Any]) -> State | None:
        """Return the state, if there is one that belongs to the same work.

        Parameters
        ----------
        expected : mapping
            Entries that must be equal in the state.

        Warns
        -----
        UserWarning
            If the file cannot be read.
        """
        if not os.path.lexists(self.path):
            return None
        try:
            state = _read(self.path)
        except Exception as error:  # a damaged file can raise any exception
            warn_caller(f"{self.path} cannot be read ({error}); the work restarts from scratch.")
            return None
        return state if all(_same(state.get(name), value) for name, value in expected.items()) else None

    def discard(self) -> None:
        """Remove the files; to be called when the result is saved."""
        for path in (self.path, self._part):
            path.unlink(missing_ok=True)

    def _beside(self, name: str) -> Path:
        return self.path.with_name(f"{self.path.stem}.{name}{self.path.suffix}")

    def _write(self, state: State) -> None:
        try:
            with create(self._part) as file:
                torch.save(state, file)
                file.flush()
                os.fsync(file.fileno())
            self._part.replace(self.path)
        except (OSError, RuntimeError) as error:  # a full disk raises either error
            with suppress(OSError):  # if nothing can be written, nothing can be removed
                self._part.unlink(missing_ok=True)
            warn_caller(f"{self.path} cannot be written ({error}); the work continues without it.")


def made_by() -> dict[str, Any]:
    """Return the versions that a state depends on."""
    return {"versions": package_versions(), "code": code_version()}


def digest_of(tensors: Mapping[str, Tensor]) -> str:
    """Return the SHA-256 of tensors with their names, types and shapes."""
    digest = hashlib.sha256()
    for name, tensor in tensors.items():
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)};".encode())
        for piece in tensor.detach().flatten().split(AT_ONCE):
            digest.update(piece.cpu().contiguous().view(torch.uint8).numpy())
    return digest.hexdigest()


def _read(path: Path) -> State:
    with open_file(path, follow_links=False) as file:
        with zipfile.ZipFile(file) as parts:  # torch.load does not check checksums
            if damaged := parts.testzip():
                raise ValueError(f"{damaged} does not match its checksum")
        file.seek(0)
        state = torch.load(file, map_location="cpu", weights_only=True)
    if not isinstance(state, dict):
        raise ValueError(f"expected a dictionary, got {type(state).__name__}")
    return state


def _same(found: Any, expected: Any) -> bool:
    if isinstance(found, Tensor) or isinstance(expected, Tensor):
        return isinstance(found, Tensor) and isinstance(expected, Tensor) and torch.equal(found, expected.cpu())
    return bool(found == expected)
