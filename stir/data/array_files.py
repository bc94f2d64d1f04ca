"""Images and labels as arrays in HDF5 and NumPy files."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from stir.data.collection import Collection, Part
from stir.errors import DatasetError

SPLIT = ("train_images", "train_labels", "test_images", "test_labels")
POOL = ("images", "labels")
MOST_WHITE = 2**16 - 1


def read_hdf5(path: Path, shape: tuple[int, int, int], n_classes: int) -> Collection:
    """Return the images of an HDF5 file; what arrays it has, `read_numpy` says."""
    from stir.hdf5 import opened

    with _readable(path), opened(path) as file:
        arrays = {name: file[name][()] for name in _wanted(file, path)}
    return _collection(arrays, path, shape, n_classes)


def read_numpy(path: Path, shape: tuple[int, int, int], n_classes: int) -> Collection:
    """Return the images of a NumPy archive (npz), or of a folder of arrays (npy).

    Arrays are ``train_images``, ``train_labels``, ``test_images`` and ``test_labels``, or ``images`` and ``labels``;
    perhaps ``white_level`` and ``class_names``. Images are (n, c, h, w), (n, h, w, c) or (n, h, w): integers from 0 to
    the white level, which is 255 if it is not given, or floating-point numbers from 0 to 1.

    Raises
    ------
    DatasetError
        If arrays are absent, of another shape or out of range, or the classes are not 0 to ``n_classes - 1``.
    """
    with _readable(path):
        if path.is_dir():
            files = {part.stem: part for part in sorted(path.glob("*.npy"))}
            arrays = {name: np.load(files[name], allow_pickle=False) for name in _wanted(files, path)}
        else:
            arrays = _read_npz(path)
    return _collection(arrays, path, shape, n_classes)


def _read_npz(path: Path) -> dict[str, np.ndarray]:
    # The stream is opened here: NumPy leaves a damaged file open.
    with path.open("rb") as stream:
        file = np.load(stream, allow_pickle=False)
        if isinstance(file, np.ndarray):
            raise ValueError("it has one array without a name; make one with numpy.savez, or give the folder of several")
        return {name: file[name] for name in _wanted(file, path)}


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, TypeError, ValueError, EOFError, BadZipFile) as error:
        if isinstance(error, DatasetError):
            raise
        raise DatasetError(
            f"Cannot read {path}: {error}. It is cut, or of another format; get it anew, or correct format."
        ) from error


def _wanted(names: Any, path: Path) -> list[str]:
    for needed in (SPLIT, POOL):
        if all(name in names for name in needed):
            return [*needed, *(name for name in ("white_level", "class_names") if name in names)]
    has = ", ".join(map(repr, names)) or "none"
    raise DatasetError(f"Expected arrays {', '.join(SPLIT)}, or {' and '.join(POOL)}, in {path}; got {has}.")


def _collection(arrays: Mapping[str, np.ndarray], path: Path, shape: tuple[int, int, int], n_classes: int) -> Collection:
    train, *test = [prefix for prefix in ("train_", "test_", "") if f"{prefix}images" in arrays]
    default = 1 if arrays[f"{train}images"].dtype.kind == "f" else 255
    white_level = _white_level(arrays.get("white_level", np.asarray(default)), path)
    parts = [_part(arrays, prefix, path, shape, n_classes, white_level) for prefix in (train, *test)]
    if (came := sorted(set(parts[0].labels.tolist()))) != list(range(n_classes)):
        raise DatasetError(
            f"Expected every class from 0 to {n_classes - 1} (n_classes {n_classes}) among {train}labels of {path}; "
            f"got {len(came)} classes, {came[0]} to {came[-1]}. Correct n_classes, or number the classes from 0."
        )
    return Collection(parts[0], parts[1] if test else None, white_level, _class_names(arrays, path, n_classes))


def _white_level(array: np.ndarray, path: Path) -> int:
    if np.size(array) != 1 or np.asarray(array).dtype.kind not in "iu" or not 0 < int(array) <= MOST_WHITE:
        raise DatasetError(f"Expected white_level of {path}, one integer from 1 to {MOST_WHITE}; got {array}.")
    return int(array)


def _part(
    arrays: Mapping[str, np.ndarray], prefix: str, path: Path, shape: tuple[int, int, int], n_classes: int, white_level: int
) -> Part:
    images, labels = arrays[f"{prefix}images"], arrays[f"{prefix}labels"]
    if labels.shape != images.shape[:1] or labels.dtype.kind not in "iu" or not len(labels):
        raise DatasetError(
            f"Expected {prefix}labels of {path} to be integers, one an image ({len(images)},); got {labels.dtype} {labels.shape}."
        )
    if labels.min() < 0 or labels.max() >= n_classes:
        raise DatasetError(
            f"Expected {prefix}labels of {path} from 0 to {n_classes - 1} (n_classes {n_classes}); "
            f"got {labels.min()} to {labels.max()}. Correct n_classes, or number the classes from 0."
        )
    images = _arranged(images, f"{prefix}images of {path}", shape)
    return Part.of_arrays(_stored(images, f"{prefix}images of {path}", white_level), labels)


def _arranged(images: np.ndarray, what: str, shape: tuple[int, int, int]) -> np.ndarray:
    """Return images (n, channels, height, width), of whichever arrangement they were."""
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
    """Return integers in the smallest type that holds white, floating-point numbers as float32."""
    if images.dtype.kind not in "iuf":
        raise DatasetError(f"Expected {what} to be integers or floating-point numbers; got {images.dtype}. Save them as uint8.")
    least, most = images.min(), images.max()
    if not (least >= 0 and most <= white_level):
        raise DatasetError(
            f"Expected {what} from 0 (black) to {white_level} (white); got {least} to {most}. "
            "Undo a normalisation, which is the model's part, or add an array white_level with the value of white."
        )
    if images.dtype.kind == "f":
        return images.astype(np.float32)
    return images.astype(np.min_scalar_type(white_level))


def _class_names(arrays: Mapping[str, np.ndarray], path: Path, n_classes: int) -> tuple[str, ...] | None:
    if "class_names" not in arrays:
        return None
    names = tuple(name.decode() if isinstance(name, bytes) else str(name) for name in arrays["class_names"].tolist())
    if len(names) != n_classes:
        raise DatasetError(f"Expected n_classes = {n_classes} class_names in {path}; got {len(names)}.")
    return names
