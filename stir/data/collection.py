"""A dataset as it was found: labels at once, images when they are asked for."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Part:
    """Training or test images, or both in one."""

    labels: np.ndarray
    """(n,), class numbers from 0."""
    read: Callable[[np.ndarray], np.ndarray]
    """Numbers of images (k,) -> these images (k, channels, height, width), from 0 to the white level."""

    @classmethod
    def of_arrays(cls, images: np.ndarray, labels: np.ndarray) -> "Part":
        """Return a part whose images are in memory."""
        return cls(labels.astype(np.int64), lambda numbers: images[numbers])

    def __len__(self) -> int:
        return len(self.labels)

    def counts(self) -> tuple[int, ...]:
        """Return how many images each class has."""
        return tuple(np.bincount(self.labels).tolist())

    def images_and_labels(self, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return these images and their labels."""
        return self.read(numbers), self.labels[numbers]

    def of_classes(self, classes: Sequence[int]) -> "Part":
        """Return the images of these classes, which are numbered in the given order."""
        anew = {number: place for place, number in enumerate(classes)}
        labels = np.array([anew.get(number, -1) for number in self.labels.tolist()], dtype=np.int64)
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

    def of_classes(self, classes: Sequence[int]) -> "Collection":
        """Return the images of these classes, which are numbered in the given order."""
        test = None if self.test is None else self.test.of_classes(classes)
        names = None if self.class_names is None else tuple(self.class_names[number] for number in classes)
        return Collection(self.train.of_classes(classes), test, self.white_level, names)
