"""Arrays in self-describing HDF5 files that are reproducible bit for bit."""

import io
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from stir.errors import ArtifactError
from stir.hdf5 import opened
from stir.provenance import package_versions
from stir_workflow.store.artifacts import checked
from stir_workflow.store.identity import Recipe

ROWS_AT_ONCE = 64
BYTES_BESIDE_ARRAYS = 2**16
IMAGE_DIMS = ("image", "channel", "height", "width")


@dataclass(frozen=True)
class Labelled:
    """An array with names of dimensions and the unit of its values."""

    values: Any
    """An array; or an object that has a shape and returns tensors for slices, written in chunks of rows."""
    dims: tuple[str, ...]
    unit: str


def texts(values: Sequence[str]) -> np.ndarray:
    """Return texts as an array that HDF5 marks as UTF-8, of one length, so that the same texts give the same bytes."""
    encoded = [value.encode() for value in values]
    return np.array(encoded, dtype=h5py.string_dtype("utf-8", max([1, *map(len, encoded)])))


def write_arrays(
    path: Path,
    arrays: Mapping[str, Labelled],
    recipe: Recipe,
    *,
    device: str,
    device_kind: str | None = None,
    attributes: Mapping[str, Any] | None = None,
) -> None:
    """Write labelled arrays, with recipe, versions and device (and its kind, if given) as attributes of the file.

    Raises
    ------
    OSError
        If the disk is too full.
    """
    versions = {f"{package}_version": version for package, version in package_versions().items()}
    kind = {} if device_kind is None else {"device_kind": device_kind}
    room = sum(map(_n_bytes, arrays.values())) + BYTES_BESIDE_ARRAYS
    with _Reserved(path, room) as space, h5py.File(space, "w", track_order=False) as file:
        file.attrs.update({"recipe": recipe.to_json(), "device": device, **kind, **versions, **(attributes or {})})
        for name, array in arrays.items():
            dataset = _write(file, name, array.values)
            dataset.attrs["unit"] = array.unit
            for axis, label in enumerate(array.dims):
                dataset.dims[axis].label = label


class _Reserved(io.BufferedRandom):
    """A new file whose space on the disk is reserved before HDF5 sees it as an empty file.

    On a full disk, HDF5 fails again for each object that it closes, with tracebacks that cannot be caught.
    """

    def __init__(self, path: Path, n_bytes: int) -> None:
        super().__init__(io.FileIO(path, "w+"))
        self._written = 0
        try:
            os.posix_fallocate(self.fileno(), 0, n_bytes)
        except OSError:
            self.close()
            raise

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if whence == io.SEEK_END:
            offset += self._written
        return super().seek(offset)

    def write(self, data: Any) -> int:
        n_bytes = super().write(data)
        self._written = max(self._written, self.tell())
        return n_bytes


def _n_bytes(array: Labelled) -> int:
    return int(prod(array.values.shape)) * _dtype(array.values).itemsize


def _dtype(values: Any) -> np.dtype:
    return values.dtype if isinstance(values, np.ndarray) else values[:1].numpy().dtype


def _write(file: h5py.File, name: str, values: Any) -> h5py.Dataset:
    if isinstance(values, np.ndarray):
        return file.create_dataset(name, data=values, track_times=False)
    dataset = file.create_dataset(name, tuple(values.shape), dtype=_dtype(values), track_times=False)
    for start in range(0, len(values), ROWS_AT_ONCE):
        dataset[start : start + ROWS_AT_ONCE] = values[start : start + ROWS_AT_ONCE].numpy()
    return dataset


def read_attribute(path: Path, name: str) -> Any:
    """Return an attribute of a sealed file; None if it has none of that name.

    Raises
    ------
    ArtifactError
        If the file is not what its seal says.
    """
    with opened(checked(path)) as file:
        return file.attrs.get(name)


def read_arrays(path: Path, *names: str) -> list[np.ndarray]:
    """Read arrays of a sealed file.

    Raises
    ------
    ArtifactError
        If the file does not match its seal, or has no array with a name.
    """
    with opened(checked(path)) as file:
        for name in names:
            if name not in file:
                raise ArtifactError(f"{path} has no array {name!r}; it has {', '.join(map(repr, file))}.")
        return [file[name][()] for name in names]


def read_present(path: Path, *names: str) -> dict[str, np.ndarray]:
    """Read those arrays of a sealed file that it has.

    Raises
    ------
    ArtifactError
        If the file does not match its seal.
    """
    with opened(checked(path)) as file:
        return {name: file[name][()] for name in names if name in file}
