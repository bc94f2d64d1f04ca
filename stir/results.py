"""Results that people keep: shown in a few lines, as a table, as pictures in a notebook, and saved as HDF5."""

import json
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor

from stir.data.hdf5_files import read_hdf5
from stir.errors import DatasetError, InvalidInputError
from stir.files import temporary_beside
from stir.hdf5 import IMAGE_DIMS, Labelled, opened, write_labelled
from stir.names import shown
from stir.provenance import package_versions

if TYPE_CHECKING:
    import pandas as pd

VERSION = 1
"""Of the layout of saved results; raised when older code cannot read newer files."""
KIND, LAYOUT, VALUES = "stir_result", "stir_result_version", "values"
"""Attributes of a file: the class, the version of the layout, and everything that is no array, as JSON."""
NO_ANSWER = -1
"""In place of an unknown yes or no."""
MAX_JSON = 2**20


class Result:
    """A dataclass of tensors, one entry per image, and of plain values."""

    UNITS: ClassVar[Mapping[str, str]]
    """Name of every tensor -> unit of its values, as files state it."""
    ANSWERS: ClassVar[frozenset[str]] = frozenset()
    """Tensors of yes and no that are None where there is no answer."""
    LATER: ClassVar[frozenset[str]] = frozenset()
    """Fields with a default that files of earlier versions lack."""

    def __eq__(self, other: object) -> bool:
        """Return whether all values are equal, bit for bit; NaN equals NaN."""
        if type(other) is not type(self):
            return NotImplemented
        return all(_equal(getattr(self, field.name), getattr(other, field.name)) for field in fields(self))  # type: ignore[arg-type]

    __hash__ = None  # type: ignore[assignment]

    def to_frame(self) -> "pd.DataFrame":
        """Return a table with a row per image, and a column for everything that is a number per image."""
        import pandas as pd

        tensors = {name: getattr(self, name) for name in self.UNITS}
        columns = {
            name: values.cpu().numpy() for name, values in tensors.items() if isinstance(values, Tensor) and values.ndim == 1
        }
        return pd.DataFrame(columns).rename_axis("image")

    def save(self, path: str | Path, *, overwrite: bool = False) -> Path:
        """Write everything into one HDF5 file, complete or not at all; `stir.load` reads it.

        Parameters
        ----------
        path : str or Path
            Usually ends in ``.h5``.
        overwrite : bool
            Whether a file that exists is replaced.

        Raises
        ------
        InvalidInputError
            If the file exists, and may not be replaced; or its folder does not exist.
        """
        path = Path(path)
        if not path.parent.is_dir():
            raise InvalidInputError(f"Expected a folder at {shown(path.parent)}; there is none. Make it first.")
        if path.is_dir() or (path.exists() and not overwrite):
            raise InvalidInputError(f"{shown(path)} exists. Choose another name, or pass overwrite=True to replace the file.")
        versions = {f"{package}_version": version for package, version in package_versions().items()}
        with temporary_beside(path) as temporary:
            write_labelled(temporary, self.arrays(), {**self._attributes(), **versions})
            temporary.rename(path)
        return path

    def arrays(self) -> dict[str, Labelled]:
        """Return every tensor as files hold it, with its unit; `ANSWERS` are 1 and 0, and −1 where there is no answer."""
        n = len(getattr(self, next(iter(self.UNITS))))
        return {name: Labelled(*self._as_stored(name, n), unit) for name, unit in self.UNITS.items()}

    def _as_stored(self, name: str, n: int) -> tuple[Any, tuple[str, ...]]:
        values = getattr(self, name)
        if values is None:
            return np.full(n, NO_ANSWER, dtype=np.int8), ("image",)
        if not isinstance(values, Tensor):
            return values, IMAGE_DIMS if len(values.shape) == len(IMAGE_DIMS) else ("image",)
        array = values.cpu().numpy()
        dims = IMAGE_DIMS if array.ndim == len(IMAGE_DIMS) else ("image",)
        return array.astype(np.int8) if name in self.ANSWERS else array, dims

    def _attributes(self) -> dict[str, Any]:
        plain = {field.name: getattr(self, field.name) for field in fields(self) if field.name not in self.UNITS}  # type: ignore[arg-type]
        return {KIND: type(self).__name__, LAYOUT: VERSION, VALUES: json.dumps(plain)}

    @classmethod
    def from_file(cls, path: Path, values: Mapping[str, Any]) -> Self:
        """Read the tensors of a file, which is not trusted; ``values`` are the other fields.

        Raises
        ------
        InvalidInputError
            If an array or a value is missing, or the arrays are not of the same images.
        """
        try:
            arrays, _ = read_hdf5(path, lambda there: [name for name in cls.UNITS if name in set(there)])
            tensors = {name: _tensor(array) for name, array in arrays.items()}
        except (OSError, ValueError, KeyError, TypeError, DatasetError) as error:
            raise InvalidInputError(f"Cannot read {shown(path)} as {cls.__name__}: {error}. Save it again.") from error
        needed = {field.name for field in fields(cls)}  # type: ignore[arg-type]
        given = dict(values) | tensors
        if missing := sorted(needed - cls.LATER - given.keys()):
            raise InvalidInputError(
                f"Expected {', '.join(sorted(needed))} in {shown(path)}; it has no {', '.join(missing)}. Save it again."
            )
        lengths = {len(array) for array in arrays.values() if array.ndim}
        if len(lengths) > 1 or not all(array.ndim for array in arrays.values()):
            raise InvalidInputError(
                f"Expected one row per image in each array of {shown(path)}; got {sorted(lengths)}. Save it again."
            )
        return cls(**{name: given[name] for name in needed & given.keys()})


def saved_values(path: Path, kinds: Mapping[str, type[Result]]) -> tuple[type[Result], dict[str, Any]] | None:
    """Return the class and the plain values of a saved result; None for a file that `Result.save` did not write.

    Raises
    ------
    InvalidInputError
        If the file is no HDF5 file, of a newer version, or its values are no JSON object.
    """
    try:
        with opened(path) as file:
            attributes = {name: file.attrs.get(name) for name in (KIND, LAYOUT, VALUES)}
    except (OSError, RuntimeError, KeyError, ValueError) as error:
        raise InvalidInputError(
            f"Expected a result that was saved as HDF5 at {shown(path)}; it cannot be opened: {error}."
        ) from error
    if attributes[KIND] is None:
        return None
    kind, version, text = str(attributes[KIND]), attributes[LAYOUT], attributes[VALUES]
    if not isinstance(version, np.integer) or version > VERSION:
        raise InvalidInputError(
            f"{shown(path)} has version {shown(version)} of the layout of results; this version of stir reads up to {VERSION}. "
            "Install a newer stir."
        )
    try:
        values = json.loads(text) if isinstance(text, str) and len(text) < MAX_JSON else None
    except (ValueError, RecursionError):
        values = None
    if kind not in kinds or not isinstance(values, dict):
        raise InvalidInputError(f"Expected {' or '.join(kinds)} in {shown(path)}; got {shown(kind)}, or values that are damaged.")
    return kinds[kind], values


def _tensor(array: np.ndarray) -> Tensor | None:
    """Return a tensor; int8 is yes, no, or no answer."""
    if array.dtype == np.int8 and array.ndim == 1:
        return None if (array == NO_ANSWER).any() else torch.from_numpy(array == 1)
    return torch.from_numpy(array)


def _equal(mine: Any, other: Any) -> bool:
    if isinstance(mine, Tensor) and isinstance(other, Tensor):
        same_kind = mine.shape == other.shape and mine.dtype == other.dtype and mine.device == other.device
        return same_kind and bool(torch.equal(mine.nan_to_num(), other.nan_to_num()) and torch.equal(mine.isnan(), other.isnan()))
    if isinstance(mine, float) and isinstance(other, float):
        return mine == other or (mine != mine and other != other)
    return type(mine) is type(other) and bool(mine is other or mine == other)
