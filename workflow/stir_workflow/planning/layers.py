"""Layers that an experiment names, tried on networks without weights: none may fail once models have been trained."""

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from stir.errors import StirError, near_matches
from stir_workflow.planning.fitting import facts_of
from stir_workflow.planning.loading import Experiment
from stir_workflow.planning.models import dataset_of
from stir_workflow.planning.networks import architecture_of
from stir_workflow.planning.settings import layer_label, layer_name

if TYPE_CHECKING:
    from torch import Tensor, nn

    from stir.layers import Layer
    from stir.models import Architecture


def existence(experiment: Experiment) -> Iterator[str]:
    """Find layers that an architecture does not have."""
    from stir.models import layer_names

    once = {model["architecture"]: architecture_of(experiment, model) for model in experiment["models"]}
    for architecture, built in sorted(once.items()):
        known = [*layer_names(built), "penultimate"]
        for layer in experiment["layers"]:
            name = layer_name(layer, architecture)
            if name not in known:
                yield f"layers: architecture {architecture!r} has no layer {name!r}. {near_matches(str(name), known)}"


def use(experiment: Experiment) -> Iterator[str]:
    """Find layers that a forward pass does not call once, that give one and the same, or have too many features for a measure."""
    tried: set[Any] = set()
    for model in experiment["models"]:
        facts, architecture = facts_of(dataset_of(experiment, model)), architecture_of(experiment, model)
        size = (architecture.channels, facts.height, facts.width)
        if (key := (replace(architecture, classes=None), size)) not in tried:
            tried.add(key)
            yield from _use(experiment, architecture, size)


def _use(experiment: Experiment, architecture: "Architecture", size: tuple[int, int, int]) -> Iterator[str]:
    from stir.layers import resolve_layer
    from stir.models.shapes import MOST_PIXELS, build_shape, empty_images
    from stir.similarity import SIMILARITY_MEASURES

    name, n_images = architecture.name, experiment["images"]["n_images"]
    limited = [measure for measure in experiment["similarity_measures"] if SIMILARITY_MEASURES[measure].of_full_rank]
    model = build_shape(architecture, of_full_width=bool(limited) or math.prod(size) > MOST_PIXELS)
    images = empty_images(model, *size)
    resolved: dict[str, Layer] = {}
    for layer in experiment["layers"]:
        try:
            resolved[layer_label(layer)] = resolve_layer(model, layer_name(layer, name), images[:1])
        except StirError as error:
            yield f"layers: architecture {name!r}, layer {layer_label(layer)!r}: {error}"
    first: dict[Any, str] = {}
    for label, (identity, n_features) in zip(resolved, _activations(model, list(resolved.values()), images), strict=True):
        if (other := first.setdefault(identity, label)) != label:
            yield f"layers: {other!r} and {label!r} are one and the same in architecture {name!r}; leave one out"
        if limited and n_images <= 2 * n_features:
            yield (
                f"similarity_measures: {' and '.join(map(repr, limited))} take more images than twice the {n_features} features "
                f"of layer {label!r} of architecture {name!r}; images.n_images is {n_images}. Take svcca, or more images"
            )


def _activations(model: "nn.Module", layers: "list[Layer]", images: "Tensor") -> list[tuple[Any, int]]:
    """Return what tells the activations of layers apart, and how many features an image has in each.

    Layers that hand on what another gave them, as it is or flattened, give the same piece of memory at the same version.
    """
    import torch

    from stir.layers import tensor_argument

    modules = dict(model.named_modules())
    found: dict[Layer, tuple[Any, Tensor]] = {}  # tensors are kept, so that no memory is used twice

    def note(layer: "Layer") -> Any:
        def hook(_module: Any, inputs: Any, keywords: Any, output: Any) -> None:
            given = tensor_argument(inputs, keywords) if layer.side == "input" else output
            order = None if given.is_contiguous() else (given.shape, given.stride())
            memory = given.untyped_storage()._cdata, given.storage_offset(), given.numel()
            found[layer] = ((*memory, given._version, order), given)

        return hook

    handles = [modules[layer.name].register_forward_hook(note(layer), with_kwargs=True) for layer in dict.fromkeys(layers)]
    try:
        with torch.no_grad():
            model(images)
    finally:
        for handle in handles:
            handle.remove()
    return [(identity, given[0].numel()) for identity, given in (found[layer] for layer in layers)]


def image_numbers(experiment: Experiment) -> Iterator[str]:
    """Find measures that take more images than there are, whatever the layers."""
    from stir.similarity import SIMILARITY_MEASURES

    n_images = experiment["images"]["n_images"]
    for name in experiment["similarity_measures"]:
        if name in SIMILARITY_MEASURES and n_images < (least := SIMILARITY_MEASURES[name].least_n):
            yield f"similarity_measures: {name!r} takes at least {least} images; images.n_images is {n_images}"
