"""Images in a folder per class: train/ and test/ with such folders, or one set of them."""

from collections.abc import Sequence

import numpy as np

from stir.data.collection import Collection, Part
from stir.data.decoding import Prepare, decode
from stir.data.image_files import ImageFiles
from stir.errors import DatasetError, near_matches

LAYOUT = "train/CLASS/ and test/CLASS/ with images, or CLASS/ with images"
WHITE_LEVEL = 255


def read_class_folders(
    files: ImageFiles, shape: tuple[int, int, int], n_classes: int, prepare: Prepare | None = None
) -> Collection:
    """Return the images of a folder or archive; classes are numbered in the order of their names.

    Parameters
    ----------
    files : ImageFiles
        In ``train/CLASS/`` and ``test/CLASS/``, or in ``CLASS/``.
    shape : tuple of int
        (channels, height, width) of every image.
    n_classes : int
        As many classes as there must be.
    prepare : callable, optional
        What is done to each image first.

    Raises
    ------
    DatasetError
        If files lie elsewhere, there are more or fewer classes, or a class in ``test`` that ``train`` lacks.
    """
    _check_layout(files)
    train = _placed(files, "train/") or _placed(files, "")
    test = _placed(files, "test/")
    classes = sorted({label for label, _ in train})
    if len(classes) != n_classes:
        raise DatasetError(
            f"Expected n_classes = {n_classes} folders of classes in {files.path} ({LAYOUT}); got {len(classes)}: "
            f"{', '.join(classes[:5])}{', ...' if len(classes) > 5 else ''}. Correct n_classes, or the folders."
        )
    for unknown in sorted({label for label, _ in test} - set(classes)):
        raise DatasetError(
            f"Expected the classes of {files.path}/train in test, too; test/{unknown} is none of them. "
            f"{near_matches(unknown, classes)} Take it out, or put images of that class in train."
        )
    parts = [_part(files, placed, classes, shape, prepare) for placed in (train, test)]
    return Collection(parts[0], parts[1] if test else None, WHITE_LEVEL, tuple(classes))


def _check_layout(files: ImageFiles) -> None:
    """Refuse files that are in no class, and folders of which it is not clear what they are."""
    tops = {name.split("/")[0] for name in files.names}
    split = bool(tops & {"train", "test"})
    if split and tops != {"train", "test"}:
        raise DatasetError(f"Expected {LAYOUT} in {files.path}; got {', '.join(sorted(tops)[:5])}. Rename or remove some.")
    for name in files.names:
        if name.count("/") < 1 + split:
            raise DatasetError(f"Expected {LAYOUT} in {files.path}; {name} lies in no folder of a class. Move or remove it.")


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
