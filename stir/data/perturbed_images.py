"""Perturbed images of one's own, one per reference image, as an array of an HDF5 or NumPy file."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from stir.data import hdf5_files
from stir.data.files import broken_files_refused, check_file
from stir.data.numpy_files import Wanted, read_npy, read_npz
from stir.data.ranges import check_range
from stir.errors import DatasetError
from stir.names import shortened, shown

ARRAY = "perturbed_images"
"""Name of the array in a file that can hold several."""
MOST_BYTES = 2**36
"""Of the file: planning reads all of it, for its digest."""


def read_perturbed_images(path: Path, shape: tuple[int, int, int, int]) -> np.ndarray:
    """Return the perturbed images of a file.

    Parameters
    ----------
    path : Path
        ``.h5`` or ``.hdf5`` with a dataset ``perturbed_images``, ``.npz`` with an array of that name, or ``.npy``.
    shape : tuple of int
        Of X: number, channels, height and width.

    Returns
    -------
    np.ndarray
        Float32, in [0, 1].

    Raises
    ------
    DatasetError
        If the file cannot be read or is too large, or its images are others in number, shape, type or range than asked for.
    """
    check_perturbed_file(path)
    what = f"{ARRAY} of {shown(path)}"
    with broken_files_refused(lambda reason: f"Cannot read {shown(path)}: {reason}. Save {ARRAY} again, as numbers."):
        images = _array(path)
    if images.shape != shape:
        raise DatasetError(
            f"Expected {what} of shape {shape}, one image per reference image X; got {images.shape}. "
            "Save (n, channels, height, width), in the order of X."
        )
    if images.dtype.kind != "f":
        raise DatasetError(
            f"Expected {what} as floating-point numbers in [0, 1]; got {images.dtype}. Divide by the value of white."
        )
    check_range(images, 1, what, remedy="divide by the value of white")
    return np.clip(images.astype(np.float32), 0, 1)


def check_perturbed_file(path: Path) -> None:
    """Refuse a path that is not a file of a known format and bounded size, without opening it.

    Raises
    ------
    DatasetError
        Naming the path.
    """
    check_file(path, f"a file of {ARRAY}")
    if path.suffix.lower() not in READERS:
        raise DatasetError(
            f"Expected {ARRAY} in a file that ends in {', '.join(READERS)}; got {shown(path)}. Save it as one of them."
        )
    if (n_bytes := path.stat().st_size) > MOST_BYTES:
        raise DatasetError(f"Expected a file of {ARRAY} of at most {MOST_BYTES:,} bytes; {shown(path)} has {n_bytes:,}.")


def _wanted(names: Iterable[str]) -> list[str]:
    there = list(names)
    if ARRAY not in there:
        raise ValueError(f"it has no array {ARRAY!r}, only {', '.join(map(shortened, sorted(there)[:20])) or 'nothing'}")
    return [ARRAY]


def _of_npy(path: Path, _wanted: Wanted) -> tuple[dict[str, np.ndarray], list[str]]:
    return {ARRAY: read_npy(path)}, []


READERS = {".h5": hdf5_files.read_hdf5, ".hdf5": hdf5_files.read_hdf5, ".npz": read_npz, ".npy": _of_npy}
"""Suffix -> function of a path and of the names that are wanted."""


def _array(path: Path) -> np.ndarray:
    arrays, _ = READERS[path.suffix.lower()](path, _wanted)
    return arrays[ARRAY]
