"""Look at data of one's own before an experiment names them: format, sizes, classes, and every file that cannot be read."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from stir.data.array_files import POOL, SPLIT, Reader, check_white_level
from stir.data.catalogue import IMAGE_FORMATS
from stir.data.class_folders import placed_files
from stir.data.collection import MOST_NAMED
from stir.data.decoding import REMEDY, BadImages, problems_of, stored_image
from stir.data.files import broken_files_refused, files_in, kind_of
from stir.data.image_files import ImageFiles, image_files
from stir.data.numpy_files import read_folder, read_npz
from stir.data.preparation import CONVERTIBLE, Preparation, Shape, Stored, suggested
from stir.errors import DatasetError
from stir.names import shown
from stir.progress import SECONDS_BETWEEN_LINES, progress_bar

ARCHIVES = (".zip", ".tar", ".tgz", ".gz", ".bz2", ".xz")
HDF5, NPZ = (".h5", ".hdf5"), (".npz",)


@dataclass(frozen=True)
class Found:
    """What a path holds, as a dataset of one's own."""

    format: str
    """As experiments name it."""
    shapes: dict[Shape, int]
    """Shape -> number of images, the most frequent first."""
    train: dict[str, int]
    """Class -> number of images, of all images where there is no test part; empty where images are in no folder of a class."""
    test: dict[str, int] | None = None
    left_out: tuple[str, ...] = ()
    """Names of other files or arrays, which are not read."""
    problems: tuple[str, ...] = ()
    """Why an experiment would refuse it, in a sentence each."""
    image_shape: Shape = (1, 1, 1)
    """As an experiment would name it."""
    preparation: dict[str, Any] = field(default_factory=dict)
    """Settings that make all images fit that shape: ``resize``, ``crop`` and ``convert``; none where they do."""

    @property
    def n_images(self) -> int:
        """Number of images that can be read."""
        return sum(self.shapes.values())

    def counts(self) -> str:
        """Return the number of images and classes, in a line."""
        of_test = "" if self.test is None else f": {sum(self.train.values())} for training, {sum(self.test.values())} for testing"
        classes = f" of {len(self.train)} class{'es' * (len(self.train) > 1)}" if self.train else ""
        return f"{self.n_images} images{classes}{of_test}"


def format_of(path: Path) -> str:
    """Return the format of a file or folder, by its suffix or content, as experiments name it.

    Raises
    ------
    DatasetError
        If there is nothing, or nothing of a known format.
    """
    kind = kind_of(path)
    if kind == "a folder":
        return "numpy" if any(name.endswith(".npy") for name in files_in(path)) else "folder"
    suffix = path.suffix.lower()
    by_suffix = {"archive": ARCHIVES, "hdf5": HDF5, "numpy": NPZ}
    found = [name for name, suffixes in by_suffix.items() if suffix in suffixes]
    if kind != "a file" or not found:
        known = ", ".join(known for suffixes in by_suffix.values() for known in suffixes)
        there = kind if kind != "a file" else "a file with another suffix"
        raise DatasetError(
            f"Expected a folder of images, or a file of images ({known}), at {shown(path)}; there is {there}. Correct the path."
        )
    return found[0]


def look(path: Path, shape: Shape | None = None, preparation: Preparation | None = None) -> Found:
    """Return what a file or folder holds; images are not decoded, only their headers are read.

    Parameters
    ----------
    path : Path
        The file or folder.
    shape : tuple of int, optional
        Of the images of an experiment; image files that do not have it after the preparation are among the problems.
        By default, a shape and a preparation are suggested.
    preparation : Preparation, optional
        Of the experiment's images.

    Raises
    ------
    DatasetError
        If there is no image that can be read.
    """
    kind = format_of(path)
    return _look_at_images(path, kind, shape, preparation) if kind in IMAGE_FORMATS else _look_at_arrays(path, kind)


def _look_at_images(path: Path, kind: str, shape: Shape | None, preparation: Preparation | None) -> Found:
    files = image_files(path)
    stored, problems = _stored(files, files.names, shape, preparation or Preparation())
    if not stored:
        raise BadImages(problems)
    shapes = Counter[Shape]()
    for image, number in stored.items():
        shapes[image.shape] += number
    train, test, layout = _classes(files)
    own_shape, own_keys = suggested(stored)
    return Found(kind, dict(shapes.most_common()), train, test, files.others, (*problems, *layout), shape or own_shape, own_keys)


def stored_images(files: ImageFiles, names: Sequence[str]) -> Counter[Stored]:
    """Return how images are stored -> number of images, by their headers.

    Raises
    ------
    BadImages
        Naming all files that are no images.
    """
    stored, problems = _stored(files, names, None, Preparation())
    if problems:
        raise BadImages(problems)
    return stored


def _stored(
    files: ImageFiles, names: Sequence[str], shape: Shape | None, preparation: Preparation
) -> tuple[Counter[Stored], list[str]]:
    stored, problems = Counter[Stored](), list[str]()
    with progress_bar("looking", len(names), unit="image", delay=SECONDS_BETWEEN_LINES) as bar:
        for name in names:
            try:
                stored[_fitting(stored_image(files, name), shape, preparation, f"{shown(name)} in {shown(files.path)}")] += 1
            except DatasetError as error:
                problems.append(str(error))
            bar.update()
    return stored, problems


def _fitting(image: Stored, shape: Shape | None, preparation: Preparation, place: str) -> Stored:
    """Return an image that can become one of a shape, or of any."""
    deep = f"Expected at most 8 bits per channel; got {image.mode}" if image.mode not in CONVERTIBLE else None
    if problem := deep or (shape and preparation.problem(image, shape)):
        raise DatasetError(f"{problem}: {place}. {REMEDY if shape else 'Convert or remove it'}.")
    return image


def _classes(files: ImageFiles) -> tuple[dict[str, int], dict[str, int] | None, list[str]]:
    """Return the number of training and test images per class, and what is wrong with the folders."""
    try:
        train, test = (dict(sorted(Counter(label for label, _ in placed).items())) for placed in placed_files(files))
    except DatasetError as error:
        return {}, None, problems_of(error)
    unknown = [label for label in test if label not in train]
    wrong = f"Expected the classes of train in test, too; {', '.join(map(shown, unknown[:5]))} are in test alone."
    return train, test or None, [wrong] if unknown else []


def _look_at_arrays(path: Path, kind: str) -> Found:
    arrays, others = _arrays(path, kind)
    parts = [prefix for prefix in ("train_", "test_", "") if f"{prefix}images" in arrays]
    shapes = Counter[Shape]()
    for part in parts:
        shapes[shape_of(arrays[f"{part}images"], path)] += len(arrays[f"{part}images"])
    counts = [_counts(arrays.get(f"{part}labels")) for part in parts]
    missing = f"Expected an array {parts[0]}labels beside {parts[0]}images: experiments need the class of each image."
    problems = () if counts[0] else (missing,)
    test = counts[1] if len(counts) > 1 else None
    return Found(kind, dict(shapes), counts[0], test, tuple(others), problems, next(iter(shapes)))


def read_arrays(path: Path) -> tuple[np.ndarray, np.ndarray | None, int]:
    """Return the test images of a file of arrays, or all images where it has no test part; their labels; and white.

    Raises
    ------
    DatasetError
        If there are none.
    """
    arrays, _ = _arrays(path, format_of(path))
    part = next(prefix for prefix in ("test_", "", "train_") if f"{prefix}images" in arrays)
    images, labels = arrays[f"{part}images"], arrays.get(f"{part}labels")
    if labels is not None and (len(labels) != len(images) or labels.size != len(images) or labels.dtype.kind not in "iu"):
        raise DatasetError(f"Expected one integer per image in {part}labels of {shown(path)}; got {labels.dtype} {labels.shape}.")
    white = arrays.get("white_level", np.asarray(1 if images.dtype.kind == "f" else 255))
    return images, labels, check_white_level(white, path)


def _arrays(path: Path, kind: str) -> tuple[dict[str, np.ndarray], list[str]]:
    with broken_files_refused(lambda reason: f"Cannot read {shown(path)}: {reason}. Correct the file, or the path."):
        return _reader(path, kind)(path, lambda names: _present(path, names))


def _reader(path: Path, kind: str) -> Reader:
    if kind == "hdf5":
        from stir.data.hdf5_files import read_hdf5

        return read_hdf5
    return read_folder if path.is_dir() else read_npz


def _present(path: Path, names: Iterable[str]) -> list[str]:
    named = set(names)
    there = [name for name in (*SPLIT, *POOL, "white_level") if name in named]
    if not any(name.endswith("images") for name in there):
        has = ", ".join(map(shown, sorted(named)[:MOST_NAMED])) or "none"
        raise DatasetError(
            f"Expected an array images, or train_images and test_images, in {shown(path)}; got {has}. Rename them."
        )
    return there


def shape_of(images: np.ndarray, path: Path) -> Shape:
    """Return channels, height and width of an array of images; channels are the smaller of the second and the last dimension.

    Raises
    ------
    DatasetError
        If the array has neither three nor four dimensions.
    """
    if images.ndim == 3:
        return 1, *images.shape[1:]
    if images.ndim != 4:
        raise DatasetError(f"Expected images (n, channels, height, width) in {shown(path)}; got {images.shape}. Reshape them.")
    _, first, middle, last = images.shape
    return (first, middle, last) if first <= last else (last, first, middle)


def _counts(labels: np.ndarray | None) -> dict[str, int]:
    values, numbers = np.unique([] if labels is None else labels, return_counts=True)
    return {str(value): int(number) for value, number in zip(values.tolist(), numbers.tolist(), strict=True)}
