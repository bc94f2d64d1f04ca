"""Facts about datasets that are known without loading them; no heavy imports."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from stir.data.preparation import PREPARATION_KEYS, Preparation
from stir.errors import InvalidInputError, near_matches

OWN_KEYS = ("format", "path", "image_shape", "n_classes")
"""Keys of the settings that describe data outside the catalogue."""
OPTIONAL_OWN_KEYS = ("fingerprint", *PREPARATION_KEYS)
"""Further keys that only such data may have."""

IMAGE_FORMATS = ("folder", "archive")
"""Formats of image files, which can be prepared."""
FORMATS = (*IMAGE_FORMATS, "hdf5", "numpy")
SHIPPED = ("digits", "photographs")
"""Datasets that come with packages, so that they are looked for nowhere."""


@dataclass(frozen=True)
class DatasetFacts:
    """Sizes that a plan is checked against.

    Examples
    --------
    >>> from stir.data import DATASETS
    >>> DATASETS["cifar10"].height, DATASETS["cifar10"].classes
    (32, 10)
    """

    images: int | None
    """Number of images in the training and test parts; None if only the files contain it."""
    channels: int
    height: int
    width: int
    classes: int
    n_test_default: int | None = None
    """Number of images in the dataset's own test part; None if it has none, or if only the files contain it."""
    test_only: bool = False
    """Whether images that are not drawn for testing are left out, so that no model can be trained on them."""


@dataclass(frozen=True)
class Counts:
    """Number of images per class."""

    train: tuple[int, ...]
    """All images, if there is no test part."""
    test: tuple[int, ...] | None = None


_SVHN = Counts(
    train=(4948, 13861, 10585, 8497, 7458, 6882, 5727, 5595, 5045, 4659),
    test=(1744, 5099, 4149, 2882, 2523, 2384, 1977, 2019, 1660, 1595),
)
COUNTS = {
    "digits": Counts((178, 182, 177, 183, 181, 182, 181, 179, 174, 180)),
    "fashion_mnist": Counts((6000,) * 10, (1000,) * 10),
    "cifar10": Counts((5000,) * 10, (1000,) * 10),
    "cifar10_jpeg": Counts((5000,) * 10, (1000,) * 10),
    "cifar100": Counts((500,) * 100, (100,) * 100),
    "svhn": _SVHN,
    "imagenet": Counts((50,) * 1000),
    "photographs": Counts((4, 4, 4, 6, 6, 4, 4, 4, 4, 4, 6, 6, 6, 4)),
}
_SHAPES = {"digits": (1, 8, 8), "fashion_mnist": (1, 28, 28), "imagenet": (3, 224, 224), "photographs": (3, 224, 224)}
_CIFAR_SHAPE = (3, 32, 32)
_TEST_ONLY = ("imagenet", "photographs")


def _facts(shape: tuple[int, int, int], counts: Counts, *, test_only: bool) -> DatasetFacts:
    n_test = None if counts.test is None else sum(counts.test)
    return DatasetFacts(sum(counts.train) + (n_test or 0), *shape, len(counts.train), n_test, test_only)


DATASETS: dict[str, DatasetFacts] = {
    name: _facts(_SHAPES.get(name, _CIFAR_SHAPE), counts, test_only=name in _TEST_ONLY) for name, counts in COUNTS.items()
}


def dataset_facts(settings: Mapping[str, Any]) -> DatasetFacts:
    """Return the facts of the dataset that the settings describe, restricted to the selected classes.

    Parameters
    ----------
    settings : mapping
        ``name``, optionally ``classes``; for data outside the catalogue also ``format``, ``image_shape`` and
        ``n_classes``; for image files optionally ``resize``, ``crop`` and ``convert``. Other keys are ignored.

    Raises
    ------
    InvalidInputError
        If the dataset is unknown, with near matches, or the settings are contradictory.

    Examples
    --------
    >>> from stir.data import dataset_facts
    >>> dataset_facts({"name": "digits", "classes": [0, 1]})
    DatasetFacts(images=360, channels=1, height=8, width=8, classes=2, n_test_default=None, test_only=False)
    """
    name = settings["name"]
    facts = _own_facts(settings) if "format" in settings else _known_facts(settings)
    if settings.get("classes") is None:
        return facts
    classes = check_classes(name, settings["classes"], facts.classes)
    if "format" in settings:
        return replace(facts, classes=len(classes))
    counts = COUNTS[name]
    kept = Counts(*(part and tuple(part[number] for number in classes) for part in (counts.train, counts.test)))  # type: ignore[arg-type]
    return _facts((facts.channels, facts.height, facts.width), kept, test_only=facts.test_only)


def _known_facts(settings: Mapping[str, Any]) -> DatasetFacts:
    name = settings["name"]
    if name not in DATASETS:
        raise InvalidInputError(
            f"Unknown dataset {name!r}. {near_matches(name, DATASETS)} Data of your own need the keys {', '.join(OWN_KEYS)}."
        )
    surplus = [key for key in (*OWN_KEYS, *OPTIONAL_OWN_KEYS) if key in settings and key != "path"]
    if surplus:
        raise InvalidInputError(
            f"Dataset {name!r} is a known one, whose {' and '.join(surplus)} cannot be set; leave out {', '.join(surplus)}."
        )
    return DATASETS[name]


def _own_facts(settings: Mapping[str, Any]) -> DatasetFacts:
    name = settings["name"]
    if name in DATASETS:
        raise InvalidInputError(f"{name!r} is the name of a known dataset; leave out format, or give your data another name.")
    if settings["format"] not in FORMATS:
        raise InvalidInputError(
            f"Unknown format {settings['format']!r} of dataset {name!r}. {near_matches(settings['format'], FORMATS)}"
        )
    # The path is not part of a job's settings: the job gets it as the source.
    missing = [key for key in OWN_KEYS if key not in settings and key != "path"]
    if missing:
        raise InvalidInputError(
            f"Dataset {name!r} is data of your own: expected the keys {', '.join(OWN_KEYS)}; {', '.join(missing)} missing. "
            "`stir data PATH` prints them."
        )
    shape, n_classes = settings["image_shape"], settings["n_classes"]
    if not (isinstance(shape, Sequence) and len(shape) == 3 and all(isinstance(n, int) and n > 0 for n in shape)):
        raise InvalidInputError(f"Expected image_shape [channels, height, width] of dataset {name!r}; got {shape!r}.")
    if not isinstance(n_classes, int) or n_classes < 1:
        raise InvalidInputError(f"Expected n_classes of dataset {name!r}, a number from 1; got {n_classes!r}.")
    surplus = [key for key in PREPARATION_KEYS if key in settings and settings["format"] not in IMAGE_FORMATS]
    if surplus:
        raise InvalidInputError(
            f"Expected {', '.join(surplus)} with images in a folder or archive; dataset {name!r} has the format "
            f"{settings['format']}. Leave out {', '.join(surplus)}, and prepare the arrays before you save them."
        )
    Preparation.of(settings)  # refuses what does not fit image_shape
    channels, height, width = shape
    return DatasetFacts(None, channels, height, width, n_classes)


def check_classes(name: str, classes: Any, n_classes: int) -> tuple[int, ...]:
    """Return the classes that the settings select.

    Raises
    ------
    InvalidInputError
        If there are none, if one is repeated, or if one is not a class of the dataset.
    """
    known = isinstance(classes, Sequence) and all(isinstance(number, int) and 0 <= number < n_classes for number in classes)
    if not known or not classes or len(set(classes)) < len(classes):
        raise InvalidInputError(
            f"Expected classes of dataset {name!r}: different numbers from 0 to {n_classes - 1}; got {classes!r}."
        )
    return tuple(classes)
