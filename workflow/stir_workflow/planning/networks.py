"""Networks of an experiment, built before any job: they exist, take the images, tell the classes apart, and their weights fit."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from stir.data import DatasetFacts
from stir_workflow.planning.addresses import folder_of, is_address, key_of_architecture
from stir_workflow.planning.fitting import facts_of, said
from stir_workflow.planning.loading import Experiment
from stir_workflow.planning.models import architecture_settings, dataset_of, published_weights
from stir_workflow.planning.plan import Plan
from stir_workflow.planning.settings import Settings, attacks_of, dataset_label, datasets_of, image_labels

if TYPE_CHECKING:
    from stir.models import Architecture


def architecture_of(experiment: Experiment, model: Settings) -> "Architecture":
    """Return what the network of an entry is built from."""
    from stir.models import Architecture

    return Architecture(**architecture_settings(experiment, model), folder=folder_of(model))


def shapes(experiment: Experiment) -> Iterator[str]:
    """Find networks that cannot be built, and images that one does not take."""
    from stir.models import check_takes

    by_label = {dataset_label(dataset): facts_of(dataset) for dataset in datasets_of(experiment)}
    asked = set()
    for number, model in enumerate(experiment["models"]):
        place, trained_on = f"models[{number}].{key_of_architecture(model)}", dataset_label(dataset_of(experiment, model))
        takes, architecture = by_label[trained_on], architecture_of(experiment, model)
        problems = []
        if (architecture, trained_on) not in asked:
            problems = list(said(place, check_takes, architecture, takes.height, takes.width))
            yield from problems
        asked.add((architecture, trained_on))
        others = {label: by_label[label] for label in image_labels(experiment) if _shape(by_label[label]) != _shape(takes)}
        for label, came in others.items() if not problems else ():
            if came.channels == takes.channels and _resizes(architecture):
                yield from said(place, check_takes, architecture, came.height, came.width)
            else:
                yield (
                    f"models[{number}]: {model['name']!r} takes images of {_shape(takes)} (channels, height, width), as in "
                    f"{trained_on!r}; images.datasets has {label!r} of {_shape(came)}. Leave one of them out"
                )


def _shape(facts: DatasetFacts) -> tuple[int, int, int]:
    return facts.channels, facts.height, facts.width


def _resizes(architecture: "Architecture") -> bool:
    """Return whether a model resizes images of any size to its own."""
    from stir.models.shapes import build_shape

    return getattr(build_shape(architecture), "size", None) is not None


def outputs(experiment: Experiment) -> Iterator[str]:
    """Find networks with other outputs than their dataset has classes, where these are trained for or accuracies are measured."""
    tried: dict[tuple[Architecture, DatasetFacts], int | None] = {}
    for number, model in enumerate(experiment["models"]):
        if not (is_address(model["architecture"]) or published_weights(model) or "classes" in model):
            continue
        if not ("training" in model or attacks_of(experiment)):
            continue
        dataset = dataset_of(experiment, model)
        facts, architecture = facts_of(dataset), architecture_of(experiment, model)
        if (architecture, facts) not in tried:
            tried[architecture, facts] = _n_outputs(architecture, facts)
        if (came := tried[architecture, facts]) != facts.classes:
            why = "it is trained for them" if "training" in model else "accuracies are measured on them"
            remedy = "let its builder take the number of classes" if "training" in model else "set evaluation: none"
            yield (
                f"models[{number}]: expected {model['name']!r} to give a score for each of the {facts.classes} classes of "
                f"{dataset_label(dataset)!r}, since {why}; got {'no scores' if came is None else f'{came} outputs'}. "
                f"Name the dataset that it is for, or {remedy}"
            )


def _n_outputs(architecture: "Architecture", facts: DatasetFacts) -> int | None:
    import torch

    from stir.models import logits_of
    from stir.models.shapes import build_shape, empty_images

    model = build_shape(architecture)
    with torch.no_grad():
        found = logits_of(model(empty_images(model, *_shape(facts))))
    return None if found is None else found.shape[1]


def checkpoints(experiment: Experiment) -> Iterator[str]:
    """Find weights that are absent or do not fit: local files, and those of libraries; URLs are tried by their job."""
    made = {model.name: Path(model.checkpoint.path) for model in Plan("", experiment).models}
    for number, model in enumerate(experiment["models"]):
        source = model.get("checkpoint", "")
        if "://" in source:
            continue
        if source:
            yield from _of_file(experiment, model, number)
        elif published_weights(model) and not made[model["name"]].exists():
            key = "weights" if "weights" in model else key_of_architecture(model)
            yield from said(f"models[{number}].{key}", _load, architecture_of(experiment, model))


def _of_file(experiment: Experiment, model: Settings, number: int) -> Iterator[str]:
    source = model["checkpoint"]
    if not _is_file(source):
        yield f"models[{number}].checkpoint: there is no file {source}"
        return
    architecture, dataset = architecture_of(experiment, model), dataset_label(dataset_of(experiment, model))
    for problem in said(f"models[{number}].checkpoint", _load, architecture, source, model["sha256"]):
        yield f"{problem} The experiment has it for {_described(architecture)}, trained on {dataset!r}"


def _described(architecture: "Architecture") -> "Architecture":
    return replace(architecture, folder=None)


def _is_file(path: str) -> bool:
    try:
        return Path(path).expanduser().is_file()
    except (OSError, RuntimeError, ValueError):  # a name of 300 characters, no such user, NUL
        return False


def _load(architecture: "Architecture", source: str | None = None, sha256: str | None = None) -> None:
    from stir.models import build_model, load_checkpoint

    model = build_model(architecture)
    if source is not None:
        load_checkpoint(model, source, sha256=sha256)
