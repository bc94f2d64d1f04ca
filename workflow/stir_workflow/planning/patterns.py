"""Patterns of layers, and ``all``: an experiment has in their place the layers that they stand for in every model."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from stir.errors import StirError
from stir.names import is_layer, layer_slug, shortened
from stir_workflow.planning.layers import image_size, read_layers
from stir_workflow.planning.loading import Experiment
from stir_workflow.planning.networks import architecture_of
from stir_workflow.planning.settings import Layer, Settings, is_pattern, layer_label, layer_setting
from stir_workflow.stages.layer_setting import LayerSetting

if TYPE_CHECKING:
    from torch import Tensor, nn

    from stir.models import Architecture

MOST_LAYERS = 1000
"""Of an experiment."""

Trials = Mapping[str, "tuple[nn.Module, Tensor]"]
"""Name of a model -> a network without weights, and images to try it on."""


class _Problem(Exception):
    """What is wrong with one entry."""


def expanded(experiment: Experiment) -> tuple[Experiment, list[str]]:
    """Return an experiment whose layers are single ones, and what is wrong with its patterns.

    Layers that another entry names are left out, so that no layer stands there twice.

    Parameters
    ----------
    experiment : Experiment
        Of models that can be built.
    """
    trials = _trials(experiment)
    layers: list[Layer] = []
    problems = []
    for number, layer in enumerate(experiment["layers"]):
        try:
            layers += _singles(experiment, layer, trials)
        except _Problem as problem:
            problems.append(f"layers[{number}]: {problem}")
    if len(layers) > MOST_LAYERS:
        problems.append(f"layers: expected at most {MOST_LAYERS:,} layers; got {len(layers):,}. Take narrower patterns")
    return {**experiment, "layers": layers}, problems


def _trials(experiment: Experiment) -> Trials:
    """Build each network once; those of one architecture share it."""
    from stir.models.shapes import build_shape, empty_images

    built: dict[tuple[Architecture, tuple[int, int]], tuple[nn.Module, Tensor]] = {}
    trials = {}
    for model in experiment["models"]:
        key = architecture_of(experiment, model), image_size(experiment, model)
        if key not in built:
            network = build_shape(key[0])
            built[key] = network, empty_images(network, key[0].channels, *key[1])
        trials[model["name"]] = built[key]
    return trials


def _singles(experiment: Experiment, layer: Layer, trials: Trials) -> Iterator[Layer]:
    settings = {model["name"]: layer_setting(layer, model) for model in experiment["models"]}
    if not any(setting is not None and is_pattern(setting.layer) for setting in settings.values()):
        yield layer
        return
    names = {
        model["name"]: _matched(experiment, model, setting, *trials[model["name"]])
        for model in experiment["models"]
        if (setting := settings[model["name"]]) is not None
    }
    counts = {len(found): model for model, found in names.items()}
    if len(counts) > 1:
        came = " and ".join(f"{count} in {model!r}" for count, model in list(counts.items())[:2])
        raise _Problem(
            f"expected {layer_label(layer)!r} to stand for as many layers in every model; got {came}. Name them by_model"
        )
    for number, of_models in enumerate(zip(*names.values(), strict=True)):
        yield _single(layer, number, dict(zip(names, of_models, strict=True)), settings)


def _matched(experiment: Experiment, model: Settings, setting: LayerSetting, network: "nn.Module", images: "Tensor") -> list[str]:
    """Return the layers that a pattern stands for in a model, without those that other entries name."""
    from stir.layers import expand

    try:
        names = expand(network, setting.layer, images)
    except StirError as error:
        raise _Problem(f"model {model['name']!r}: {error}") from error
    if odd := [name for name in names if not is_layer(name) or is_pattern(name)]:
        raise _Problem(
            f"{setting.layer!r} matches {shortened(odd[0])} of model {model['name']!r}, which no file can be named after"
        )
    others = [layer_setting(other, model) for other in experiment["layers"]]
    named = [other for other in others if other is not None and not is_pattern(other.layer)]
    found = [LayerSetting(name, setting.select, setting.pooling) for name in names]
    identities = [read if isinstance(read, StirError) else read[0] for read in read_layers(network, [*named, *found], images)]
    taken = [identity for identity in identities[: len(named)] if not isinstance(identity, StirError)]
    kept = [name for name, identity in zip(names, identities[len(named) :], strict=True) if identity not in taken]
    if not kept:
        raise _Problem(f"{setting.layer!r} matches no layer of model {model['name']!r} that is not named besides; leave it out")
    return kept


def _single(layer: Layer, number: int, names: Mapping[str, str], settings: Mapping[str, LayerSetting | None]) -> Layer:
    """Return one of the layers that a pattern stands for, as an entry of its own."""
    if isinstance(layer, str) and len(set(names.values())) == 1:
        return next(iter(names.values()))
    by_model: dict[str, Any] = {}
    for model, name in names.items():
        setting = settings[model]
        assert setting is not None
        by_model[model] = LayerSetting(name, setting.select, setting.pooling).listed()
    return {"label": f"{layer_slug(layer_label(layer)) or 'layer'}-{number}", "by_model": by_model}
