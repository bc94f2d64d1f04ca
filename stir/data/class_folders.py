"""Images in one folder per class: train/ and test/ with such folders, or one set of them."""

from collections.abc import Collection as Names
from collections.abc import Sequence

import numpy as np

from stir.data.collection import Collection, Part, check_class_names
from stir.data.decoding import BadImages, Prepare, decode
from stir.data.files import IMAGE_SUFFIXES
from stir.data.image_files import ImageFiles
from stir.errors import DatasetError, near_matches
from stir.names import shown

LAYOUT = "train/CLASS/ and test/CLASS/ with images, or CLASS/ with images, or images alone, of one class"
ONE_CLASS = "images"
"""What the class of images is called that lie in no folder."""
PARTS = ("train", "test")
PARTS_ELSEWHERE = {"train", "training", "test", "testing", "val", "valid", "validation", "dev", "eval"}
"""Names of parts of datasets, which are hardly ever names of classes."""
WHITE_LEVEL = 255


def read_class_folders(
    files: ImageFiles, shape: tuple[int, int, int], n_classes: int, prepare: Prepare | None = None
) -> Collection:
    """Return the images of a folder or archive; classes are numbered in the order of their names.

    Parameters
    ----------
    files : ImageFiles
        In ``train/CLASS/`` and ``test/CLASS/``, or in ``CLASS/``, or in no folder, as one class.
    shape : tuple of int
        (channels, height, width) of every image.
    n_classes : int
        The required number of classes.
    prepare : callable, optional
        Applied to each image first.

    Raises
    ------
    DatasetError
        If files lie elsewhere, there are more or fewer classes, or a class in ``test`` that ``train`` lacks.
    """
    train, test = placed_files(files)
    classes = sorted({label for label, _ in train})
    if len(classes) != n_classes:
        raise DatasetError(
            f"Expected n_classes = {n_classes} folders of classes in {shown(files.path)} ({LAYOUT}); got {len(classes)}: "
            f"{_named(classes)}. Correct n_classes, or the folders."
        )
    for unknown in sorted({label for label, _ in test} - set(classes)):
        raise DatasetError(
            f"Expected the classes of {shown(files.path)}/train in test, too; test/{shown(unknown)} is not one of them. "
            f"{near_matches(unknown, classes)} Remove it, or put images of that class in train."
        )
    parts = [_part(files, placed, classes, shape, prepare) for placed in (train, test)]
    return Collection(parts[0], parts[1] if test else None, WHITE_LEVEL, check_class_names(classes, files.path), files.others)


def placed_files(files: ImageFiles) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Return class and name of each training file, or of all files, and of each test file, if there are any.

    Raises
    ------
    DatasetError
        If files lie elsewhere.
    """
    if not any("/" in name for name in files.names):
        return [(ONE_CLASS, name) for name in files.names], []
    _check_layout(files)
    return _placed(files, "train/") or _placed(files, ""), _placed(files, "test/")


def _check_layout(files: ImageFiles) -> None:
    """Refuse images outside class folders, other files in class folders, and ambiguous folders."""
    tops = {name.split("/")[0] for name in files.names}
    split = bool(tops & set(PARTS))
    nested = any(name.count("/") > 1 for name in files.names)
    if (split and tops != set(PARTS)) or (not split and nested and {top.casefold() for top in tops} & PARTS_ELSEWHERE):
        raise DatasetError(f"Expected {LAYOUT} in {shown(files.path)}; got {_named(tops)}. Rename or remove some.")
    outside = [
        f"Expected {LAYOUT} in {shown(files.path)}; {shown(name)} is not in a class folder. Move or remove it."
        for name in files.names
        if name.count("/") < 1 + split
    ]
    others = [
        f"Expected only images ({', '.join(IMAGE_SUFFIXES)}) in folders of classes; {shown(name)} in {shown(files.path)} "
        "is not an image, by its name. Convert, rename or remove it."
        for name in files.others
        if name.count("/") > split and (not split or name.split("/")[0] in PARTS)
    ]
    if outside or others:
        raise BadImages([*outside, *others])


def _named(names: Names[str]) -> str:
    return ", ".join(map(shown, sorted(names)[:5])) + (", ..." if len(names) > 5 else "")


def _placed(files: ImageFiles, prefix: str) -> list[tuple[str, str]]:
    """Return class and name of each file below a prefix."""
    names = [name for name in files.names if name.startswith(prefix)]
    return [(name.removeprefix(prefix).split("/")[0], name) for name in names]


def _part(
    files: ImageFiles,
    placed: Sequence[tuple[str, str]],
    classes: Sequence[str],
    shape: tuple[int, int, int],
    prepare: Prepare | None,
) -> Part:
    numbers = {label: number for number, label in enumerate(classes)}
    labels = np.array([numbers[label] for label, _ in placed], dtype=np.int64)
    return Part(labels, lambda which: decode(files, [placed[number][1] for number in which], shape, prepare))
