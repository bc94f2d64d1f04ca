"""Images and labels as arrays in HDF5 and NumPy files."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TypeAlias

import numpy as np

from stir.data.collection import Collection, Part, check_class_names
from stir.data.files import broken_files_refused
from stir.data.numpy_files import Wanted, read_folder, read_npz
from stir.data.ranges import check_range
from stir.errors import DatasetError
from stir.names import shortened, shown

SPLIT = ("train_images", "train_labels", "test_images", "test_labels")
POOL = ("images", "labels")
MOST_WHITE = 2**16 - 1
Reader: TypeAlias = Callable[[Path, Wanted], tuple[dict[str, np.ndarray], list[str]]]
"""Path and selection -> selected arrays, and the names of the others."""


def read_hdf5(path: Path, shape: tuple[int, int, int], n_classes: int) -> Collection:
    """Return the images of an HDF5 file, which has the same arrays as in `read_numpy`."""
    from stir.data import hdf5_files

    return _read(hdf5_files.read_hdf5, path, shape, n_classes)


def read_numpy(path: Path, shape: tuple[int, int, int], n_classes: int) -> Collection:
    """Return the images of a NumPy archive (npz), or of a folder of arrays (npy).

    Arrays are ``train_images``, ``train_labels``, ``test_images`` and ``test_labels``, or ``images`` and ``labels``;
    optionally ``white_level`` and ``class_names``. Images are (n, c, h, w), (n, h, w, c) or (n, h, w): numbers from 0 to
    the white level, which defaults to 255 for integers and to 1 for floating-point numbers.

    Raises
    ------
    DatasetError
        If arrays are absent, of another shape or range, or the classes are not 0 to ``n_classes - 1``.
    """
    return _read(read_folder if path.is_dir() else read_npz, path, shape, n_classes)


def _read(reader: Reader, path: Path, shape: tuple[int, int, int], n_classes: int) -> Collection:
    with broken_files_refused(
        lambda reason: (
            f"Cannot read {shown(path)}: {reason}. It is truncated or has another format; get it again, or correct format."
        )
    ):
        arrays, others = reader(path, lambda names: _wanted(names, path))
        return _collection(arrays, path, shape, n_classes, tuple(f"array {name}" for name in others))


def _wanted(names: Iterable[str], path: Path) -> list[str]:
    there = set(names)
    complete = [needed for needed in (SPLIT, POOL) if there.issuperset(needed)]
    if complete and not there & ({*SPLIT, *POOL} - {*complete[0]}):
        return [*complete[0], *(name for name in ("white_level", "class_names") if name in there)]
    has = ", ".join(shortened(name) for name in sorted(there)[:20]) or "none"
    either = "either arrays" if complete else "arrays"
    raise DatasetError(f"Expected {either} {', '.join(SPLIT)}, or {' and '.join(POOL)}, in {shown(path)}; got {has}.")


def _collection(
    arrays: Mapping[str, np.ndarray], path: Path, shape: tuple[int, int, int], n_classes: int, left_out: tuple[str, ...]
) -> Collection:
    train, *test = [prefix for prefix in ("train_", "test_", "") if f"{prefix}images" in arrays]
    default = 1 if arrays[f"{train}images"].dtype.kind == "f" else 255
    white_level = check_white_level(arrays.get("white_level", np.asarray(default)), path)
    parts = [_part(arrays, prefix, path, shape, n_classes, white_level) for prefix in (train, *test)]
    if len(came := np.unique(parts[0].labels)) != n_classes:
        raise DatasetError(
            f"Expected every class from 0 to {n_classes - 1} (n_classes {n_classes}) among {train}labels of {shown(path)}; "
            f"got {len(came)} classes, {came[0]} to {came[-1]}. Correct n_classes, or number the classes from 0."
        )
    names = _class_names(arrays, path, n_classes)
    return Collection(parts[0], parts[1] if test else None, white_level, names, left_out)


def check_white_level(array: np.ndarray, path: Path) -> int:
    """Return the value of white.

    Raises
    ------
    DatasetError
        If it is not one positive integer of at most 16 bits.
    """
    if array.size != 1 or array.dtype.kind not in "iuf" or not (0 < array.item() <= MOST_WHITE and array.item() % 1 == 0):
        came = shortened(array.tolist()) if array.size < MOST_WHITE else f"{array.dtype} {array.shape}"
        raise DatasetError(f"Expected white_level of {shown(path)}, one integer from 1 to {MOST_WHITE}; got {came}.")
    return int(array.item())


def _part(
    arrays: Mapping[str, np.ndarray], prefix: str, path: Path, shape: tuple[int, int, int], n_classes: int, white_level: int
) -> Part:
    images, labels = arrays[f"{prefix}images"], arrays[f"{prefix}labels"]
    labels = labels[:, 0] if labels.shape[1:] == (1,) else labels
    if labels.shape != images.shape[:1] or labels.dtype.kind not in "iu" or not len(labels):
        raise DatasetError(
            f"Expected {prefix}labels of {shown(path)} to be integers, one per image ({len(images)},); "
            f"got {labels.dtype} {labels.shape}."
        )
    if labels.min() < 0 or labels.max() >= n_classes:
        raise DatasetError(
            f"Expected {prefix}labels of {shown(path)} from 0 to {n_classes - 1} (n_classes {n_classes}); "
            f"got {labels.min()} to {labels.max()}. Correct n_classes, or number the classes from 0."
        )
    what = f"{prefix}images of {shown(path)}"
    return Part.of_arrays(_stored(_arranged(images, what, shape), what, white_level), labels)


def _arranged(images: np.ndarray, what: str, shape: tuple[int, int, int]) -> np.ndarray:
    """Return images as (n, channels, height, width), from any of the supported layouts."""
    channels, height, width = shape
    if images.shape[1:] == shape:
        return images
    if images.shape[1:] == (height, width, channels):
        return images.transpose(0, 3, 1, 2)
    if images.shape[1:] == (height, width) and channels == 1:
        return images[:, None]
    raise DatasetError(
        f"Expected {what} (n, {channels}, {height}, {width}) or (n, {height}, {width}, {channels}), "
        f"since image_shape is {list(shape)}; got {images.shape}. Correct image_shape, or the array."
    )


def _stored(images: np.ndarray, what: str, white_level: int) -> np.ndarray:
    """Return integers in the smallest type that can represent white, and floating-point numbers as float32."""
    if images.dtype.kind not in "iuf":
        raise DatasetError(f"Expected {what} to be integers or floating-point numbers; got {images.dtype}. Save them as uint8.")
    check_range(images, white_level, what, remedy="give the value of white in an array white_level")
    if images.dtype.kind == "f":
        return np.clip(images.astype(np.float32), 0, white_level, dtype=np.float32)
    return images.astype(np.min_scalar_type(white_level))


def _class_names(arrays: Mapping[str, np.ndarray], path: Path, n_classes: int) -> tuple[str, ...] | None:
    if "class_names" not in arrays:
        return None
    array = arrays["class_names"]
    if array.ndim != 1 or array.dtype.kind not in "OSUiu" or len(array) != n_classes:
        raise DatasetError(
            f"Expected n_classes = {n_classes} class_names in {shown(path)}; got {array.size} ({array.dtype} {array.shape})."
        )
    return check_class_names([name.decode() if isinstance(name, bytes) else str(name) for name in array.tolist()], path)
