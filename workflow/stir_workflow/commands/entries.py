"""Entries of an experiment file that ``stir init`` writes: the dataset and the models."""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from stir.errors import InvalidInputError
from stir.names import NAME_LENGTH, shortened

TRAIN, RANDOM = "train", "random"
WIDTH = 16
N_TEST = 100
FEWEST_IMAGES, MOST_IMAGES = 4, 300
"""Reference images that are suggested, of as many test images as there are."""


@dataclass(frozen=True)
class Dataset:
    """The images of an experiment."""

    lines: Callable[[int], Sequence[str]]
    """Number of images held out for testing and inversion -> lines of YAML; ones with test images of their own do not say it."""
    n_test: int | None
    """Test images of its own, if it has any."""
    n_images: int
    """All images."""
    image_shape: tuple[int, int, int]
    """Channels, height, width."""
    n_classes: int
    trains: bool
    """Whether models can be trained on it."""


@dataclass(frozen=True)
class Entry:
    """A model of an experiment."""

    name: str
    model: str
    keys: dict[str, str]
    """Further keys, with values as YAML."""


def dataset_of(named: str, folder: Path) -> Dataset:
    """Return a dataset of a file or folder of one's own, or, where there is none, by its name.

    Raises
    ------
    StirError
        If there is none, or an experiment would refuse it.
    """
    from stir.data import DATASETS
    from stir.errors import DatasetError, near_matches
    from stir_workflow.commands.images import own_path

    if path := own_path(named):
        return _own_dataset(path, folder)
    if named in DATASETS:
        facts = DATASETS[named]
        held_out = "" if facts.n_test_default else "  n_test: {}  # images held out for testing and inversion"
        shape, n_images = (facts.channels, facts.height, facts.width), (facts.images or 0) + facts.test_only
        return Dataset(
            lambda n_test: ["dataset:", f"  name: {named}", *filter(None, [held_out.format(n_test)])],
            facts.n_test_default,
            n_images,
            shape,
            facts.classes,
            trains=not facts.test_only,
        )
    raise DatasetError(f"Expected a file, a folder or a dataset; got {shortened(named)}. {near_matches(named, DATASETS)}")


def _own_dataset(path: Path, folder: Path) -> Dataset:
    from stir.data.looking import look
    from stir.errors import DatasetError
    from stir_workflow.commands.data import dataset_lines

    found = look(path)
    if found.problems:
        raise DatasetError("\n".join(found.problems[:20]))
    return Dataset(
        lambda n_test: dataset_lines(placed(path, folder), found, n_test=n_test),
        sum(found.test.values()) if found.test else None,
        found.n_images,
        found.image_shape,
        len(found.train),
        trains=True,
    )


def image_counts(dataset: Dataset, entries: Sequence[Entry], n_images: int | None) -> tuple[int, int]:
    """Return how many images X there are, and how many are held out: of few, half if a model is trained, otherwise nearly all.

    Raises
    ------
    InvalidInputError
        If more images X are asked for.
    """
    trained = any("training" in entry.keys for entry in entries)
    most = dataset.n_test or max(1, dataset.n_images // 2 if trained else dataset.n_images - 1)
    if n_images is not None and n_images > most:
        why = "its test images" if dataset.n_test else "half of all images, as models are trained" if trained else "all but one"
        raise InvalidInputError(f"Expected --n-images of at most {most}, {why}; got {n_images}. Name fewer, or add images.")
    n_test = most if dataset.n_test else max(n_images or 0, min(N_TEST, most))
    return n_images or max(FEWEST_IMAGES, min(MOST_IMAGES, n_test)), n_test


def placed(path: Path, folder: Path) -> Path:
    """Return a path as an experiment file in a folder names it: relative to the folder if it is within it, otherwise absolute."""
    there, base = path.absolute(), folder.absolute()
    within = there.relative_to(base) if there.is_relative_to(base) else there
    return there if str(within).startswith("~") else within  # which would be a home folder


def entry_of(text: str, dataset: Dataset, folder: Path) -> Entry:
    """Return a model of ``MODEL=WEIGHTS``, where WEIGHTS are a file, a name of published ones, random or train.

    Raises
    ------
    InvalidInputError
        If it is no such text, there is no such network, it does not take the images, or its weights are those of no file.
    """
    model, _, weights = text.partition("=")
    if not model:
        raise InvalidInputError(f"Expected MODEL or MODEL=WEIGHTS; got {shortened(text)}. Name a model.")
    entry = _entry(model, weights, dataset, folder)
    _check_network(model, entry, dataset)
    return entry


def _check_network(model: str, entry: Entry, dataset: Dataset) -> None:
    """Refuse a network that cannot be built or does not take the images; its weights are not looked at."""
    from stir.models import Architecture, check_takes

    channels, *size = dataset.image_shape
    width = int(entry.keys["width"]) if "width" in entry.keys else None
    classes = dataset.n_classes if width or "training" in entry.keys else None
    check_takes(Architecture(model, width, channels, classes), *size)


def _entry(model: str, weights: str, dataset: Dataset, folder: Path) -> Entry:
    name, file = _name(model, weights), re.fullmatch(r"(.+\.py)(:[^:]*)", model)
    model = f"{placed(Path(file[1]), folder)}{file[2]}" if file else model
    is_own = ":" not in model.removeprefix("stir:") and not model.startswith("torchvision.")
    width = {"width": str(WIDTH)} if is_own else {}
    if weights == TRAIN or (is_own and not weights):
        if not dataset.trains:
            raise InvalidInputError(
                f"Expected weights of {shortened(model)}, since nothing can be trained on these images; got none. Name a file."
            )
        return Entry(name, model, {**width, "training": "vanilla", "training_seeds": "[0, 1]"})
    if weights == RANDOM:
        return Entry(name, model, {**width, "weights": RANDOM, "random_seed": "0"})
    if _is_file(weights):
        where, digest = str(placed(Path(weights).expanduser(), folder)), _sha256(weights)
        return Entry(name, model, {**width, "checkpoint": json.dumps(where), "sha256": json.dumps(digest)})
    return Entry(name, model, {"weights": json.dumps(weights)} if weights else {})


def _is_file(weights: str) -> bool:
    from stir_workflow.commands.networks import is_source

    return bool(weights) and is_source(weights)


def _sha256(path: str) -> str:
    from stir.models.shards import sha256_of_parts

    place = Path(path).expanduser()
    if "://" in path or not place.exists():
        raise InvalidInputError(
            f"Expected weights in a file; there is none at {shortened(path)}. Download it, or correct the path."
        )
    return sha256_of_parts(place)


def _name(model: str, weights: str) -> str:
    """Return what tables call a model: the last part of its address, and its weights."""
    last = Path(weights).stem if _is_file(weights) else weights
    words = [re.split(r"[:/]", model.removeprefix("torchvision."))[-1], *([last] if last else [])]
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", "-".join(words)).strip("-.")[: NAME_LENGTH - 4]
    return name or "model"
