"""Which dimensions of layers' activations are features: by trying the model on two images, and on two of another size."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from stir.layers.calls import Call, watching
from stir.layers.layer import Layer
from stir.layers.selecting import selected
from stir.models.preprocessed import Preprocessed
from stir.models.usable import forward
from stir.poolings import Evidence, Layout, Seen, Tokens, channels_of, tokens_of


@dataclass(frozen=True)
class Passes:
    """Two forward passes: with images as they are, and of another size, as far as the model took them."""

    n: int
    """Images."""
    calls: list[Call]
    output: Any
    seen: Seen
    others: list[Call]
    other_output: Any
    tokens: Tokens

    def layout(self, layer: Layer) -> Layout:
        """Return what is known of a layer's activations."""
        value, seen = _read(layer, self.calls, self.output, self.seen)
        other, _ = _read(layer, self.others, self.other_output, self.seen)
        shape = tuple(value.shape)
        channels = channels_of(shape, tuple(other.shape) if isinstance(other, Tensor) else None, seen) if len(shape) > 2 else None
        return Layout(shape, channels, self.tokens, seen.areas)


@torch.no_grad()
def two_passes(model: nn.Module, watched: Mapping[str, nn.Module], images: Float[Tensor, "2 ..."]) -> Passes:
    """Run a model on images as they are, and on images of half or twice the size, as far as it takes them.

    Parameters
    ----------
    model : torch.nn.Module
        In eval mode.
    watched : mapping
        Modules by their names.
    images : Float[Tensor, "2 ..."]
        What the model takes.
    """
    with Evidence() as evidence, watching(watched, evidence=evidence) as calls:
        output = forward(model, images)
    others: list[Call] = []
    other_output = None
    # Preprocessing would bring all images to one size.
    network, sized = (
        (nn.Sequential(*list(model)[1:]), model[0](images)) if isinstance(model, Preprocessed) and model.size else (model, images)
    )
    for resized in _of_other_sizes(sized):
        with watching(watched) as found, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                other_output = network(resized)
            except Exception:  # each model has its own way of refusing a size
                other_output = None
        others = max(others, found, key=len)
        if other_output is not None:
            break
    return Passes(len(images), calls, output, evidence.seen, others, other_output, tokens_of(model))


def _of_other_sizes(images: Tensor) -> list[Tensor]:
    """Return images of half the size, which cost little, and of twice the size.

    Not twice on a GPU: an index beyond a table of positions would end the process's use of it.
    """
    if images.ndim < 3:
        return []
    sides = range(2, images.ndim)
    every_second: list[Any] = [slice(None, None, 2) for _ in sides]
    halved = images[(Ellipsis, *every_second)]
    return [halved.clone(), *([] if images.is_cuda else [images.repeat(1, 1, *(2 for _ in sides))])]


def _read(layer: Layer, calls: list[Call], output: Any, seen: Seen) -> tuple[Any, Seen]:
    if not layer.name:
        return (None if output is None else selected(output, layer.select, str(layer))), seen
    of_layer = [call for call in calls if call.name == layer.name]
    if (layer.call or 0) >= len(of_layer):
        return None, seen
    call = of_layer[layer.call or 0]
    if layer.side == "input":
        return call.inputs, call.before
    return selected(call.output, layer.select, str(layer)), call.after


def layouts(model: nn.Module, layers: Sequence[Layer], images: Float[Tensor, "2 ..."]) -> list[Layout]:
    """Return what is known of the activations of layers of a model in eval mode."""
    modules = dict(model.named_modules())
    passes = two_passes(model, {layer.name: modules[layer.name] for layer in layers if layer.name}, images)
    return [passes.layout(layer) for layer in layers]
