"""The state of an inversion under way, on disk: what was interrupted goes on as if it had not been."""

import os
import time
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

State = dict[str, Any]


class Snapshot:
    """A file that holds the newest state, at most ``seconds`` and one iteration old.

    Parameters
    ----------
    path : Path
        Written whole or not at all; removed by `discard`.
    seconds : float
        Time between two writings.
    """

    def __init__(self, path: Path, *, seconds: float = 20.0) -> None:
        self.path, self.seconds = path, seconds
        self._part = path.with_name(f"{path.stem}.part{path.suffix}")
        self._written = time.monotonic()

    def offer(self, state: Callable[[], State]) -> None:
        """Write the state if it is time to."""
        if time.monotonic() - self._written < self.seconds:
            return
        with self._part.open("wb") as file:
            torch.save(state(), file)
            file.flush()
            os.fsync(file.fileno())
        self._part.replace(self.path)
        self._written = time.monotonic()

    def load(self, expected: Mapping[str, Any]) -> State | None:
        """Return the state, if there is one of an inversion with the same settings, seed images and targets.

        Parameters
        ----------
        expected : mapping
            Entries that the state must have; tensors must be the same bit for bit.
        """
        if not self.path.is_file():
            return None
        try:
            state: State = torch.load(self.path, map_location="cpu", weights_only=True)
        except Exception as error:  # whatever a file can be
            warnings.warn(f"{self.path} cannot be read ({error}); the inversion starts anew.", stacklevel=2)
            return None
        return state if all(_same(state.get(name), value) for name, value in expected.items()) else None

    def discard(self) -> None:
        """Remove the file; call it when the result is safe."""
        for path in (self.path, self._part):
            path.unlink(missing_ok=True)


def _same(found: Any, expected: Any) -> bool:
    if isinstance(expected, Tensor):
        return isinstance(found, Tensor) and torch.equal(found, expected.cpu())
    return bool(found == expected)
