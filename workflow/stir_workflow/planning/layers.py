"""Layers that an experiment names, tried on networks without weights: none may fail once models have been trained."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from stir.errors import StirError
from stir.names import FLATTEN
from stir_workflow.planning.fitting import facts_of, said
from stir_workflow.planning.loading import Experiment
from stir_workflow.planning.models import dataset_of
from stir_workflow.planning.networks import architecture_of
from stir_workflow.planning.settings import Settings, layer_label, layer_setting, n_scored
from stir_workflow.stages.layer_setting import LayerSetting

if TYPE_CHECKING:
    from torch import Tensor, nn

    from stir.layers import Layer
    from stir.layers.calls import Call
    from stir.models import Architecture
    from stir.poolings import Layout

LayerEntry = str | Mapping[str, Any]
"""A layer as experiments list it."""
PROJECTION = re.compile(r"random_projection_(\d+)")
"""A pooling whose name says the number of features."""


def poolings(experiment: Experiment) -> Iterator[str]:
    """Find poolings that there are not."""
    from stir.poolings import get_pooling

    settings = [layer_setting(layer, model) for layer in experiment["layers"] for model in experiment["models"]]
    for name in dict.fromkeys(setting.pooling for setting in settings if setting is not None):
        yield from said("layers", get_pooling, name)


def use(experiment: Experiment) -> Iterator[str]:
    """Find layers that a model does not have or cannot give, that are one and the same, or too wide for a measure."""
    tried: set[Any] = set()
    for model in experiment["models"]:
        settings = _settings(experiment, model)
        architecture, size = architecture_of(experiment, model), image_size(experiment, model)
        if (key := (replace(architecture, classes=None), size, tuple(settings.values()))) not in tried:
            tried.add(key)
            yield from _use(experiment, architecture, size, settings)


def _settings(experiment: Experiment, model: Settings) -> dict[str, LayerSetting]:
    """Return label -> layer as the model has it."""
    settings = {layer_label(layer): layer_setting(layer, model) for layer in experiment["layers"]}
    return {label: setting for label, setting in settings.items() if setting is not None}


def image_size(experiment: Experiment, model: Settings) -> tuple[int, int]:
    """Return height and width of images that a model is tried on: those of its dataset."""
    facts = facts_of(dataset_of(experiment, model))
    return facts.height, facts.width


def _use(
    experiment: Experiment, architecture: "Architecture", size: tuple[int, int], settings: dict[str, LayerSetting]
) -> Iterator[str]:
    from stir.models.shapes import MOST_PIXELS, build_shape, empty_images
    from stir.similarity import SIMILARITY_MEASURES

    name, n_images = architecture.name, n_scored(experiment)
    limited = [measure for measure in experiment["similarity_measures"] if SIMILARITY_MEASURES[measure].of_full_rank]
    pooled = any(setting.pooling != FLATTEN for setting in settings.values())
    large = architecture.channels * math.prod(size) > MOST_PIXELS
    model = build_shape(architecture, of_full_width=bool(limited) or pooled or large)
    images = empty_images(model, architecture.channels, *size)
    read: dict[str, tuple[Any, int]] = {}
    for label, found in zip(settings, read_layers(model, list(settings.values()), images), strict=True):
        if isinstance(found, StirError):
            yield f"layers: architecture {name!r}, layer {label!r}: {found}"
        else:
            read[label] = found
    first: dict[Any, str] = {}
    for label, (identity, n_features) in read.items():
        if (other := first.setdefault(identity, label)) != label:
            yield f"layers: {other!r} and {label!r} are one and the same in architecture {name!r}; leave one out"
        if limited and n_images <= 2 * n_features:
            yield (
                f"similarity_measures: {' and '.join(map(repr, limited))} take more images than twice the {n_features} features "
                f"of layer {label!r} of architecture {name!r}; {n_images} are scored. Take svcca, or more images"
            )


def feature_counts(experiment: Experiment, model: Settings) -> dict[str, int]:
    """Return label -> number of features of each layer of a model that can be read."""
    from stir.models.shapes import build_shape, empty_images

    settings, architecture = _settings(experiment, model), architecture_of(experiment, model)
    network = build_shape(architecture, of_full_width=True)
    images = empty_images(network, architecture.channels, *image_size(experiment, model))
    found = zip(settings, read_layers(network, list(settings.values()), images), strict=True)
    return {label: facts[1] for label, facts in found if not isinstance(facts, StirError)}


def is_pooled_by(experiment: Experiment, layer: LayerEntry, pooled: LayerEntry, pooling: str) -> bool:
    """Return whether every model takes a pooling of a layer, and it makes a difference: activations have several positions.

    Parameters
    ----------
    experiment : Experiment
        Its models.
    layer, pooled : str or mapping
        The layer as the experiment has it, and with the pooling.
    pooling : str
        Its name.
    """
    tried = {
        (
            architecture_of(experiment, model),
            image_size(experiment, model),
            layer_setting(layer, model),
            layer_setting(pooled, model),
        )
        for model in experiment["models"]
    }
    counts = [_feature_counts(*of_model, pooling) for of_model in tried]
    return all(len(of_model) == 2 for of_model in counts) and any(first != second for first, second in counts)


def _feature_counts(
    architecture: "Architecture", size: tuple[int, int], own: LayerSetting | None, pooled: LayerSetting | None, pooling: str
) -> list[int]:
    """Return how many features a layer has flattened, and pooled; fewer than two numbers if it cannot be read so."""
    from stir.models.shapes import build_shape, empty_images

    if own is None or pooled is None:
        return []
    model = build_shape(architecture, of_full_width=True)
    compared = [replace(own, pooling=FLATTEN), own if pooling == FLATTEN else pooled]
    found = read_layers(model, compared, empty_images(model, architecture.channels, *size))
    return [each[1] for each in found if not isinstance(each, StirError)]


def read_layers(model: "nn.Module", settings: Sequence[LayerSetting], images: "Tensor") -> list[tuple[Any, int] | StirError]:
    """Return what tells representations apart and how many features each has, or why there is none.

    Layers that hand on what another gave them, as it is or flattened, give the same piece of memory at the same version.

    Parameters
    ----------
    model : torch.nn.Module
        In eval mode; its weights may be on the device ``"meta"``.
    settings : sequence of LayerSetting
        Layers of the model.
    images : Tensor
        Two that it takes.
    """
    from stir.layers import layouts
    from stir.layers.calls import calls_of, trial

    with trial(model, images) as two:
        layers = _resolved(model, settings, two)
        found = list(dict.fromkeys(layer for layer in layers if not isinstance(layer, StirError)))
        modules = dict(model.named_modules())
        calls, _ = calls_of(model, {layer.name: modules[layer.name] for layer in found}, two)
        pooled = any(setting.pooling != FLATTEN for setting in settings)
        known = dict(zip(found, layouts(model, found, two), strict=True)) if pooled else {}
        return [
            layer if isinstance(layer, StirError) else _read(layer, setting.pooling, calls, known.get(layer))
            for layer, setting in zip(layers, settings, strict=True)
        ]


def _resolved(model: "nn.Module", settings: Sequence[LayerSetting], images: "Tensor") -> "list[Layer | StirError]":
    """Return layers of a model, or why there are none: in one forward pass, if all can be found."""
    from stir.layers import resolve_layer, resolve_layers

    def found(setting: LayerSetting) -> "Layer | StirError":
        try:
            return resolve_layer(model, setting.spec(), images)
        except StirError as error:
            return error

    try:
        return [*resolve_layers(model, [setting.spec() for setting in settings], images)]
    except StirError:
        return list(map(found, settings))


def _read(layer: "Layer", pooling: str, calls: "Sequence[Call]", layout: "Layout | None") -> tuple[Any, int] | StirError:
    from stir.layers import selected
    from stir.layers.calls import identity
    from stir.poolings import get_pooling, settled

    call = [call for call in calls if call.name == layer.name][layer.call or 0]
    value, which = call.inputs, call.identity_of_input
    if layer.side == "output":
        value = selected(call.output, layer.select, str(layer))
        which = call.identity if value is call.output else identity(value)
    try:
        pool = get_pooling(pooling) if layout is None else settled(pooling, str(layer), layout)
        projected = PROJECTION.match(pooling)
        return (which, pooling), int(projected[1]) if projected else pool(value).shape[1]
    except StirError as error:
        return error


def image_numbers(experiment: Experiment) -> Iterator[str]:
    """Find measures that take more images than there are, whatever the layers."""
    from stir.similarity import SIMILARITY_MEASURES

    n_images = n_scored(experiment)
    for name in experiment["similarity_measures"]:
        if name in SIMILARITY_MEASURES and n_images < (least := SIMILARITY_MEASURES[name].least_n):
            yield f"similarity_measures: {name!r} takes at least {least} images; {n_images} are scored"
