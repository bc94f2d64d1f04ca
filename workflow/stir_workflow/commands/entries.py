"""Entries of an experiment file that ``stir init`` writes: the dataset, the models, and the file as a whole."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from stir.errors import InvalidInputError
from stir.names import NAME_LENGTH, shortened

TRAIN, RANDOM = "train", "random"
WIDTH = 16
N_TEST = 100
TRAINING = """training:
    # vanilla (cross-entropy on images), at, trades or mart.
  - name: vanilla
    objective: vanilla
    # Passes over the training images.
    epochs: 20
    batch_size: 64
    # Peak of the one-cycle schedule.
    learning_rate: 0.1
"""
REST = """# Dotted names of layers; penultimate is the input of the last linear layer. `stir layers MODEL` lists them.
layers: [{layer}]

# How images X' are found that a model represents as it represents X.
inversion:
  method: lbfgs
  # One set of X' is made per seed.
  random_seeds: [0, 1]
  # Relative error at or under which an image has converged.
  tolerance: 0.1
  # Maximum number of forward and backward passes per image.
  max_iterations: 300
  # The run fails if fewer of the images of a model converge.
  minimum_converged_fraction: 0.8
  batch_size: 64

# How representations are compared; `stir measures` lists them.
similarity_measures: [linear_cka]

# CPU threads per job; jobs run in parallel.
compute: {{threads: 1}}
"""


@dataclass(frozen=True)
class Dataset:
    """The images of an experiment, as lines of YAML."""

    lines: tuple[str, ...]
    n_test: int | None
    """Images that are held out for testing and inversion, if that is known."""
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
        n_test = facts.n_test_default or min(N_TEST, (facts.images or 0) // 2)
        own = [] if facts.n_test_default else [f"  n_test: {n_test}  # images held out for testing and inversion"]
        shape = facts.channels, facts.height, facts.width
        return Dataset(("dataset:", f"  name: {named}", *own), n_test, shape, facts.classes, trains=not facts.test_only)
    raise DatasetError(f"Expected a file, a folder or a dataset; got {shortened(named)}. {near_matches(named, DATASETS)}")


def _own_dataset(path: Path, folder: Path) -> Dataset:
    from stir.data.looking import look
    from stir.errors import DatasetError
    from stir_workflow.commands.data import dataset_lines

    found = look(path)
    if found.problems:
        raise DatasetError("\n".join(found.problems[:20]))
    n_test = sum(found.test.values()) if found.test else max(1, min(N_TEST, found.n_images // 2))
    lines = dataset_lines(placed(path, folder), found, n_test=n_test)
    return Dataset(tuple(lines), n_test, found.image_shape, len(found.train), trains=True)


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
    own = {"width": int(entry.keys["width"])} if "width" in entry.keys else {}
    classes = dataset.n_classes if own or "training" in entry.keys else None
    check_takes(Architecture(model, channels=channels, classes=classes, **own), *size)


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


def text_of(question: str, dataset: Dataset, entries: Sequence[Entry], layer: str, n_images: int) -> str:
    """Return an experiment file, with a comment for each key that a user may want to change."""
    trained = ["training" in entry.keys for entry in entries]
    lines = [
        "# Written by `stir init`; docs/experiments.md explains all keys. `stir check` says what a run would make.",
        "",
        "# The question of the experiment, in one sentence.",
        f"description: {json.dumps(question, ensure_ascii=False)}",
        "",
        "# Where the images come from.",
        *dataset.lines,
        "",
        "# The reference images X: the first of the test images.",
        f"images: {{n_images: {n_images}}}",
        "",
        *(TRAINING if any(trained) else "# Recipes of models that are trained here: none.\ntraining: []\n").splitlines(),
        "",
        "# Every model is reference and target in turn.",
        "models:",
        *(line for entry in entries for line in _entry_lines(entry)),
        "",
        "# Attack that robust accuracies are measured with; none measures no accuracies.",
        "evaluation: {norm: l2, eps: 0.5, steps: 10, step_size: 0.125}" if all(trained) else "evaluation: none",
        "",
        REST.format(layer=json.dumps(layer)),
    ]
    return "\n".join(lines)


def _entry_lines(entry: Entry) -> list[str]:
    keys = {"name": json.dumps(entry.name), "model": json.dumps(entry.model), **entry.keys}
    first, *others = (f"{key}: {value}" for key, value in keys.items())
    return [f"  - {first}", *(f"    {other}" for other in others)]
