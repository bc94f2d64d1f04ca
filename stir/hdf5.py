"""Labelled arrays in HDF5 files that are the same bit for bit each time, on any file system."""

import io
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from stir.locks import has_no_locks

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


def opened(path: Path, mode: str = "r") -> h5py.File:
    """Open an HDF5 file, without HDF5's own lock if the file system has no locks."""
    try:
        return h5py.File(path, mode)
    except OSError as error:
        if not has_no_locks(error):
            raise
        return h5py.File(path, mode, locking=False)


def write_labelled(path: Path, arrays: Mapping[str, Labelled], attributes: Mapping[str, Any]) -> None:
    """Write labelled arrays, and attributes of the file.

    Raises
    ------
    OSError
        If the disk is too full.
    """
    room = sum(map(_n_bytes, arrays.values())) + BYTES_BESIDE_ARRAYS
    with _Reserved(path, room) as space, h5py.File(space, "w", track_order=False) as file:
        file.attrs.update(attributes)
        for name, array in arrays.items():
            dataset = _write(file, name, array.values)
            dataset.attrs["unit"] = array.unit
            for axis, label in enumerate(array.dims):
                dataset.dims[axis].label = label


def texts(values: Sequence[str]) -> np.ndarray:
    """Return texts as an array that HDF5 marks as UTF-8, of one length, so that the same texts give the same bytes."""
    encoded = [value.encode() for value in values]
    return np.array(encoded, dtype=h5py.string_dtype("utf-8", max([1, *map(len, encoded)])))


def check_space(path: Path, n_bytes: int) -> None:
    """Refuse a file that the disk has no space for, by reserving the space and giving it back: HDF5 itself fails badly.

    Raises
    ------
    OSError
        If the disk is too full. Nothing is left behind.
    """
    with path.open("xb") as file:
        try:
            os.posix_fallocate(file.fileno(), 0, n_bytes + BYTES_BESIDE_ARRAYS)
        finally:
            path.unlink()


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
