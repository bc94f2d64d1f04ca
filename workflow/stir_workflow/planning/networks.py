"""Networks of an experiment, built before any job: they exist, take the images, tell the classes apart, and their weights fit."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stir.data import DatasetFacts
from stir.errors import CheckpointError
from stir_workflow.planning.addresses import folder_of, is_address, key_of_architecture
from stir_workflow.planning.fitting import facts_of, said
from stir_workflow.planning.loading import Experiment
from stir_workflow.planning.models import PlannedModel, architecture_settings, dataset_of, published_weights
from stir_workflow.planning.plan import Plan
from stir_workflow.planning.settings import Settings, attacks_of, dataset_label, datasets_of, image_labels
from stir_workflow.stages.layer_setting import LayerSetting

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
    made = {model.name: model for model in Plan("", experiment).models}
    for number, model in enumerate(experiment["models"]):
        source = model.get("checkpoint", "")
        if "://" in source:
            yield from said(f"models[{number}].checkpoint", _check_source, source)
        elif source:
            yield from _of_file(experiment, model, made[model["name"]], number)
        elif published_weights(model) and not Path(made[model["name"]].checkpoint.path).exists():
            key = "weights" if "weights" in model else key_of_architecture(model)
            yield from said(f"models[{number}].{key}", _load, architecture_of(experiment, model))


def _check_source(source: str) -> None:
    from stir.models.checkpoints import check_source

    check_source(source)


def _of_file(experiment: Experiment, model: Settings, planned: PlannedModel, number: int) -> Iterator[str]:
    source = model["checkpoint"]
    if not _is_there(source):
        yield f"models[{number}].checkpoint: there is no file {source}"
        return
    architecture, dataset = architecture_of(experiment, model), dataset_label(dataset_of(experiment, model))
    facts, layers = _shape(facts_of(dataset_of(experiment, model))), planned.layers if not attacks_of(experiment) else None
    which = {"sha256": model["sha256"], "entry": model.get("entry")}
    for problem in said(f"models[{number}].checkpoint", _load_before, architecture, source, which, facts, layers):
        yield f"{problem} The experiment has it for {_described(architecture)}, trained on {dataset!r}"


def _described(architecture: "Architecture") -> str:
    width = f"width {architecture.width}, " if architecture.width else ""
    return f"{architecture.name} ({width}channels {architecture.channels}, classes {architecture.classes})"


def _is_there(path: str) -> bool:
    try:
        return Path(path).expanduser().exists()
    except (OSError, RuntimeError, ValueError):  # a name of 300 characters, no such user, NUL
        return False


def _load(architecture: "Architecture") -> None:
    from stir.models import build_model

    build_model(architecture)


def _load_before(
    architecture: "Architecture",
    source: str,
    which: Mapping[str, Any],
    shape: tuple[int, int, int],
    layers: Sequence[LayerSetting] | None,
) -> None:
    """Load weights, which may lack a head if no layer reads it and, where layers are None, no accuracy does."""
    import torch

    from stir.models import build_model, load_checkpoint
    from stir.models.checkpoints import unloaded
    from stir.representations import represent_layers

    model = load_checkpoint(build_model(architecture), source, **which, missing="nothing" if layers is None else "head").eval()
    if layers is None or not (missing := unloaded(model)):
        return
    images = torch.rand(2, *shape, generator=torch.Generator().manual_seed(0))
    for layer, found in zip(layers, represent_layers(model, images, [each.spec() for each in layers]), strict=True):
        if not found.isfinite().all():
            raise CheckpointError(
                f"Expected weights of all that is before layer {layer.text!r}; {source} lacks {missing[0]!r}. "
                "Name a layer before it, or a checkpoint of the whole network."
            )
