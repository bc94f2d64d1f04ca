"""Results that people keep: shown in a few lines, as a table, as pictures in a notebook, and saved as HDF5."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor

from stir.data.hdf5_files import read_hdf5
from stir.errors import DatasetError, InvalidInputError
from stir.files import temporary_beside
from stir.hdf5 import IMAGE_DIMS, Labelled, opened, write_labelled
from stir.names import shortened, shown
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
PLAIN: Mapping[Any, str] = {str: "a text", float: "a number", list[int]: "whole numbers"}
"""Types of values beside the tensors -> what messages call them."""


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
            write_labelled(temporary, self.arrays(), {**self.attributes(), **versions})
            temporary.rename(path)
        return path

    def arrays(self) -> dict[str, Labelled]:
        """Return every tensor as files store it, with its unit; `ANSWERS` are 1 and 0, and −1 where there is no answer."""
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

    def values(self) -> dict[str, Any]:
        """Return everything that is no array, as JSON can hold it."""
        return {field.name: getattr(self, field.name) for field in fields(self) if field.name not in self.UNITS}  # type: ignore[arg-type]

    def attributes(self) -> dict[str, Any]:
        """Return the attributes of a file of this result."""
        return {KIND: type(self).__name__, LAYOUT: VERSION, VALUES: json.dumps(self.values())}

    @classmethod
    def from_file(cls, path: Path, values: Mapping[str, Any], folder: str = "") -> Self:
        """Read the tensors of a file, which is not trusted.

        Parameters
        ----------
        path : Path
            The file.
        values : mapping
            The other fields.
        folder : str
            Group of the arrays in the file, with a slash at its end.

        Raises
        ------
        InvalidInputError
            If an array or a value is missing or of another type, or the arrays are not of the same images.
        """
        given = {**values, **_tensors(path, cls, folder)}
        needed = {field.name: field.type for field in fields(cls)}  # type: ignore[arg-type]
        if missing := sorted(needed.keys() - cls.LATER - given.keys()):
            raise damaged(path, f"expected {', '.join(sorted(needed))}; it has no {', '.join(missing)}")
        found = {name: given[name] for name in needed if name in given}
        if wrong := sorted(name for name, value in found.items() if not _is_a(needed[name], value)):
            raise damaged(path, f"expected {PLAIN[needed[wrong[0]]]} as {wrong[0]}; got {shortened(found[wrong[0]])}")
        return cls(**found)


def damaged(path: Path, problem: str) -> InvalidInputError:
    """Return the error for a file that does not hold what a result needs."""
    return InvalidInputError(f"Cannot read {shown(path)}: {problem}. The file is damaged or incomplete; save the result again.")


def _tensors(path: Path, kind: type[Result], folder: str) -> dict[str, Tensor | None]:
    """Read the tensors of a result: a number per image each, except for pictures."""

    def wanted(there: Iterable[str]) -> list[str]:
        return [f"{folder}{name}" for name in kind.UNITS if folder or name in set(there)]

    try:
        arrays = {name.removeprefix(folder): array for name, array in read_hdf5(path, wanted)[0].items()}
        tensors = {name: _tensor(array) for name, array in arrays.items()}
    except (OSError, ValueError, KeyError, TypeError, DatasetError) as error:
        raise InvalidInputError(f"Cannot read {shown(path)} as {kind.__name__}: {error}. Save it again.") from error
    dims = {name: array.ndim for name, array in arrays.items()}
    lengths = {len(array) if array.ndim else 0 for array in arrays.values()}
    if len(lengths) > 1 or 0 in lengths or any(_has_wrong_dims(name, n) for name, n in dims.items()):
        raise damaged(path, f"expected one row per image in each array, and one number per image; got {sorted(lengths)} rows")
    return tensors


def _has_wrong_dims(name: str, n: int) -> bool:
    """Return whether an array is neither of pictures, nor of curves, nor of a number per image, as its name says."""
    return n < 2 if name.endswith("_images") else n > 2 if name.endswith("_curve") else n != 1


def _is_a(kind: Any, value: object) -> bool:
    """Return whether a value is of one of the types in `PLAIN`; those of other types are checked elsewhere."""
    if kind == list[int]:
        return isinstance(value, list) and all(isinstance(number, int) for number in value)
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    return kind is not str or isinstance(value, str)


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
    if type(mine) is not type(other):
        return False
    if isinstance(mine, np.ndarray):
        return mine.dtype == other.dtype and np.array_equal(mine, other, equal_nan=mine.dtype.kind == "f")
    if isinstance(mine, Mapping):
        return mine.keys() == other.keys() and all(_equal(value, other[name]) for name, value in mine.items())
    if is_dataclass(mine) and not isinstance(mine, Result):
        return all(_equal(getattr(mine, field.name), getattr(other, field.name)) for field in fields(mine))
    same = mine.equals if hasattr(mine, "equals") else mine.__eq__  # tables, whose == gives a table
    return mine is other or same(other) is True
