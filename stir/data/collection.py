"""A dataset as it was found: labels are read at once, images on demand."""

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stir.errors import DatasetError
from stir.names import shortened, shown

MOST_NAMED = 20


def first_of(problems: Sequence[str]) -> list[str]:
    """Return problems; of very many the first, and how many more there are."""
    more = len(problems) - MOST_NAMED
    return [*problems[:MOST_NAMED], *([f"There are {more} more such files."] if more > 0 else [])]


def check_class_names(names: Sequence[str], where: Path) -> tuple[str, ...]:
    """Return the names of classes.

    Raises
    ------
    DatasetError
        If one is empty, has control characters, or is not valid Unicode, since files could not store it.
    """
    for name in names:
        try:
            good = bool(name.encode()) and not any(unicodedata.category(letter) == "Cc" for letter in name)
        except UnicodeEncodeError:
            good = False
        if not good:
            raise DatasetError(f"Expected names of classes as text in {shown(where)}; got {shortened(name)}. Rename it.")
    return tuple(names)


@dataclass(frozen=True)
class Part:
    """Training or test images, or both in one."""

    labels: np.ndarray
    """(n,), class numbers from 0."""
    read: Callable[[np.ndarray], np.ndarray]
    """Indices of images (k,) -> these images (k, channels, height, width), from 0 to the white level."""

    @classmethod
    def of_arrays(cls, images: np.ndarray, labels: np.ndarray) -> "Part":
        """Return a part whose images are in memory."""
        return cls(labels.astype(np.int64), lambda numbers: images[numbers])

    def __len__(self) -> int:
        return len(self.labels)

    def counts(self) -> tuple[int, ...]:
        """Return the number of images per class."""
        return tuple(np.bincount(self.labels).tolist())

    def images_and_labels(self, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return these images and their labels."""
        return self.read(numbers), self.labels[numbers]

    def of_classes(self, classes: Sequence[int]) -> "Part":
        """Return the images of these classes, which are numbered in the given order."""
        renumbered = {number: place for place, number in enumerate(classes)}
        labels = np.array([renumbered.get(number, -1) for number in self.labels.tolist()], dtype=np.int64)
        kept = np.flatnonzero(labels >= 0)
        return Part(labels[kept], lambda numbers: self.read(kept[numbers]))


@dataclass(frozen=True)
class Collection:
    """A dataset as it was found."""

    train: Part
    """All images, if there is no test part."""
    test: Part | None
    white_level: int
    class_names: tuple[str, ...] | None = None
    left_out: tuple[str, ...] = ()
    """Names of files beside the images that are not read."""

    def of_classes(self, classes: Sequence[int]) -> "Collection":
        """Return the images of these classes, which are numbered in the given order."""
        test = None if self.test is None else self.test.of_classes(classes)
        names = None if self.class_names is None else tuple(self.class_names[number] for number in classes)
        return Collection(self.train.of_classes(classes), test, self.white_level, names, self.left_out)

    def summary(self) -> str:
        """Return the number of images, in total and per class, and the other files that were found."""
        parts = [self.train.counts(), *([] if self.test is None else [self.test.counts()])]
        labels = self.class_names or tuple(map(str, range(len(parts[0]))))
        each = [f"{label} {' + '.join(str(_nth(part, n)) for part in parts)}" for n, label in enumerate(labels)]
        beside = f"; not read: {_some(self.left_out)}" if self.left_out else ""
        kinds = " training + ".join(str(sum(part)) for part in parts) + (" test" if self.test else "")
        return f"{kinds} images ({_some(each)}){beside}"


def _nth(counts: tuple[int, ...], number: int) -> int:
    return counts[number] if number < len(counts) else 0


def _some(texts: Sequence[str]) -> str:
    more = f", and {len(texts) - MOST_NAMED} more" if len(texts) > MOST_NAMED else ""
    return ", ".join(map(shown, texts[:MOST_NAMED])) + more
