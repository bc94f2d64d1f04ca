"""Images in a folder per class: train/ and test/ with such folders, or one set of them."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from stir.data.collection import Collection, Part
from stir.data.decoding import decode
from stir.data.image_files import ImageFiles
from stir.errors import InvalidInputError, near_matches

LAYOUT = "train/CLASS/ and test/CLASS/ with images, or CLASS/ with images"


def read_class_folders(files: ImageFiles, shape: tuple[int, int, int], n_classes: int) -> Collection:
    """Return the images of a folder or archive; classes are numbered in the order of their names.

    Raises
    ------
    InvalidInputError
        If there are more or fewer classes, or a class in ``test`` that ``train`` lacks.
    """
    tops = {name.split("/")[0] for name in files.names}
    own_test = {"train", "test"} <= tops
    parts = {part: [name for name in files.names if name.startswith(f"{part}/")] for part in ("train", "test")}
    depth = 1 if own_test else 0
    names = parts["train"] if own_test else list(files.names)
    _check_depth(files, [*names, *(parts["test"] if own_test else ())], depth)
    classes = _classes(names, depth)
    _check_count(files, classes, n_classes)
    train = _part(files, names, classes, depth, shape)
    if not own_test:
        return Collection(train, None, 255, tuple(classes))
    for unknown in set(_classes(parts["test"], depth)) - set(classes):
        raise InvalidInputError(
            f"Expected the classes of {files.path}/train in test, too; test/{unknown} is none of them. "
            f"{near_matches(unknown, classes)} Take it out, or put images of that class in train."
        )
    return Collection(train, _part(files, parts["test"], classes, depth, shape), 255, tuple(classes))


def _classes(names: Sequence[str], depth: int) -> list[str]:
    return sorted({name.split("/")[depth] for name in names})


def _check_depth(files: ImageFiles, names: Sequence[str], depth: int) -> None:
    for name in names:
        if name.count("/") <= depth:
            raise InvalidInputError(f"Expected {LAYOUT} in {files.path}; {name} lies in no folder of a class.")


def _check_count(files: ImageFiles, classes: Sequence[str], n_classes: int) -> None:
    if len(classes) != n_classes:
        some = ", ".join(classes[:5]) + (", ..." if len(classes) > 5 else "")
        raise InvalidInputError(
            f"Expected n_classes = {n_classes} folders of classes in {files.path} ({LAYOUT}); got {len(classes)}: {some}. "
            "Correct n_classes, or the folders."
        )


def _part(files: ImageFiles, names: Sequence[str], classes: Sequence[str], depth: int, shape: tuple[int, int, int]) -> Part:
    numbers = {name: number for number, name in enumerate(classes)}
    labels = np.array([numbers[name.split("/")[depth]] for name in names], dtype=np.int64)
    return Part(labels, lambda which: decode(files, [names[number] for number in which], shape))


def class_counts(part: Part, n_classes: int) -> tuple[int, ...]:
    """Return how many images every class has."""
    counts = Counter(part.labels.tolist())
    return tuple(counts[number] for number in range(n_classes))
