"""Where in a model a representation is read: a module by its dotted name, or the penultimate layer."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from stir.errors import InvalidInputError, LayerError, near_matches
from stir.models import Architecture, architecture_depths
from stir.models.depths import Depths
from stir.models.frozen import Spy
from stir.models.usable import forward
from stir.names import shortened
from stir.poolings import Pooling

Select: TypeAlias = str | int | None

PENULTIMATE = "penultimate"
OUTPUT = "output"
"""The model's own output, unless a module is called so."""
COMPILED = "_orig_mod."
"""What torch.compile puts before all names."""


@dataclass(frozen=True)
class Layer:
    """Where in a model a representation is read."""

    name: str
    """Dotted name in ``named_modules()``; empty for the model itself."""
    side: str
    """``"output"`` of that module, or its ``"input"`` (the penultimate layer)."""
    call: int | None = None
    """Which call of the module is read, from 0; None where it is called once."""
    select: Select = None
    """Which tensor of what the module gives; None where it gives a tensor."""

    @property
    def is_plain(self) -> bool:
        """Whether a module's name and side say all: one call, one tensor, not the model's own output."""
        return bool(self.name) and self.call is None and self.select is None


@dataclass(frozen=True)
class LayerSpec:
    """A layer as it is asked for: its name, which tensor of its output, and what makes vectors of it."""

    layer: str | None = None
    """``NAME``, ``NAME:CALL``, ``"output"``, ``"penultimate"``; None is the penultimate layer."""
    select: Select = None
    """Field, key or index, where the layer gives several tensors."""
    pooling: str | Pooling = "flatten"
    """A name, or a function (n, ...) -> (n, d)."""


def layer_spec(layer: "str | LayerSpec | None", select: Select = None, pooling: str | Pooling = "flatten") -> LayerSpec:
    """Return a layer as asked for, from a text with keywords or from a `LayerSpec` alone.

    Raises
    ------
    InvalidInputError
        If a `LayerSpec` comes with another selector or pooling.
    """
    if not isinstance(layer, LayerSpec):
        return LayerSpec(layer, select, pooling)
    given = {"select": (select, None, layer.select), "pooling": (pooling, "flatten", layer.pooling)}
    for name, (value, default, own) in given.items():
        if value not in (default, own):
            raise InvalidInputError(f"Expected {name} in the LayerSpec or beside it; got {own!r} and {value!r}. Drop one.")
    return layer


@torch.no_grad()
def resolve_layer(
    model: nn.Module, layer: str | LayerSpec | None, images: Float[Tensor, "2 ..."], *, select: Select = None
) -> Layer:
    """Find a layer by running two images through the whole model.

    Parameters
    ----------
    model : torch.nn.Module
        A model in eval mode.
    layer : str or None
        A dotted name of ``named_modules()``; None (or ``"penultimate"``) is the
        input of the linear layer that gives the model's output.
    images : Float[Tensor, "2 ..."]
        Two, not one, since some models squeeze a single one away.
    select : str or int, optional
        Which tensor of the layer's output, where that is several: a field, a key or an index.

    Raises
    ------
    LayerError
        If there is no such layer, or it is not called exactly once, or its
        output is not one tensor with a row an image; or if no linear layer gives the model's output.
    InvalidInputError
        If the model fails on images of this shape.
    """
    spec = layer_spec(layer, select)
    modules, layer = dict(model.named_modules()), spec.layer
    if layer in (None, PENULTIMATE):
        return _penultimate(model, modules, images)
    name = _known(modules, layer)
    calls, _ = _calls_of(model, {name: modules[name]}, images)
    if len(calls) != 1:
        raise LayerError(
            f"Expected layer {layer!r} to be called once in a forward pass; it was called {len(calls)} times. "
            "Name a layer that is called once, such as its parent."
        )
    check_activations(calls[0].output, name, len(images))
    return Layer(name, "output")


@dataclass(frozen=True)
class _Call:
    """One call of a module."""

    name: str
    inputs: Any
    output: Any


def _calls_of(model: nn.Module, watched: Mapping[str, nn.Module], images: Tensor) -> tuple[list[_Call], Any]:
    """Return the calls of some modules in a forward pass, and what the whole model gives."""
    calls: list[_Call] = []

    def told(name: str) -> Spy:
        # Copies: what follows may work in place.
        return Spy(lambda _m, inputs, keywords, out: calls.append(_Call(name, tensor_argument(inputs, keywords), _copy(out))))

    handles = [module.register_forward_hook(told(name), with_kwargs=True) for name, module in watched.items()]
    try:
        return calls, forward(model, images)
    finally:
        for handle in handles:
            handle.remove()


def _copy(output: Any) -> Any:
    return output.clone() if isinstance(output, Tensor) else output


def _known(modules: dict[str, nn.Module], layer: object) -> str:
    """Return the full name of a layer; those of a compiled model are known without their prefix, too."""
    if isinstance(layer, str) and layer:
        for name in (layer, COMPILED + layer):
            if name in modules:
                return name
    raise LayerError(f"The model has no layer {shortened(layer)}. {near_matches(str(layer), filter(None, modules))}")


def tensor_argument(inputs: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
    """Return what a module was called with, by place or by name."""
    return next(iter((*inputs, *keywords.values())), None)


def _penultimate(model: nn.Module, modules: dict[str, nn.Module], images: Tensor) -> Layer:
    linear = {name: module for name, module in modules.items() if isinstance(module, nn.Linear)}
    if not linear:
        raise LayerError("The model has no linear layer, so no penultimate layer: name one with layer=...")
    calls, output = _calls_of(model, linear, images)
    if not calls:
        raise LayerError("The forward pass calls no linear layer, so there is no penultimate one: name a layer.")
    last = calls[-1]
    if not _gives(last.output, output):
        raise LayerError(
            f"The last linear layer {last.name!r} does not give the model's output, as a classifier's does, so its input need "
            f"not be the penultimate layer. Name a layer, such as {_candidates(model, modules, images)}."
        )
    if sum(call.name == last.name for call in calls) != 1:
        raise LayerError(f"The last linear layer {last.name!r} is called several times: name a layer that is called once.")
    check_activations(last.inputs, f"input of {last.name}", len(images))
    return Layer(last.name, "input")


def _gives(logits: object, output: object) -> bool:
    """Return whether a linear layer's output is the model's, or one of several, as it is or as probabilities."""
    if not isinstance(logits, Tensor):
        return False
    forms = [logits] if logits.ndim < 2 else [logits, logits.softmax(-1), logits.log_softmax(-1)]
    found = [leaf for leaf in _leaves(output) if leaf.numel() == logits.numel()]
    if logits.is_meta:  # there are no values; the number of them is all that can be compared
        return bool(found)
    return any(torch.allclose(leaf.flatten().to(form), form.flatten(), equal_nan=True) for leaf in found for form in forms)


def _leaves(output: Any) -> list[Tensor]:
    """Return the tensors in what a model gives: itself, or in tuples, dictionaries and the outputs of Transformers."""
    if isinstance(output, Mapping):
        output = list(output.values())
    return [leaf for leaf in tree_leaves(output) if isinstance(leaf, Tensor)]


def _candidates(model: nn.Module, modules: dict[str, nn.Module], images: Tensor) -> str:
    """Return the names of the layers that can be read and end last."""
    calls, _ = _calls_of(model, {name: module for name, module in modules.items() if name}, images)
    times = Counter(call.name for call in calls)
    fit = [call.name for call in calls if times[call.name] == 1 and _are_activations(call.output, len(images))]
    return " or ".join(map(repr, fit[-4:])) or "one that gives a tensor"


def _are_activations(activations: object, n: int) -> bool:
    ordinary = isinstance(activations, Tensor) and activations.layout == torch.strided and not activations.is_nested
    return (
        isinstance(activations, Tensor)
        and ordinary
        and (activations.is_floating_point() or activations.is_quantized)
        and activations.ndim >= 2
        and len(activations) == n
        and activations[0].numel() > 0
    )


def check_activations(activations: object, layer: str, n: int) -> None:
    """Refuse what a layer gave, where that is not one real number or more for each image.

    Raises
    ------
    LayerError
        Naming the layer and what came.
    """
    if _are_activations(activations, n):
        return
    came = type(activations).__name__
    if isinstance(activations, Tensor):
        real = activations.is_floating_point() or activations.is_quantized
        came = str(tuple(activations.shape)) if real and not activations.is_nested else f"a tensor of {activations.dtype}"
    raise LayerError(
        f"Expected layer {layer!r} to give one tensor (n, ...) of real numbers for n images; got {came} for n={n}. "
        "Name another layer."
    )


def relative_depth(architecture: Architecture, layer: str) -> float:
    """Return how deep a layer lies: convolutions and linear layers up to its output, over all, each on the longest way.

    Parameters
    ----------
    architecture : Architecture
        Its width does not matter.
    layer : str
        Dotted name, or ``"penultimate"``.

    Returns
    -------
    float
        From 0 (before the first) to 1 (the classifier's output).

    Raises
    ------
    LayerError
        If there is no such layer, or it is called several times.
    """
    depths = _depths(architecture)
    of_layer = depths.of_layer | ({} if depths.of_penultimate is None else {PENULTIMATE: depths.of_penultimate})
    if layer not in of_layer:
        raise LayerError(
            f"Architecture {architecture.name!r} has no layer {layer!r} that is called once. {near_matches(layer, of_layer)}"
        )
    return of_layer[layer]


def layers_at_depths(architecture: Architecture, depths: Sequence[float]) -> list[str]:
    """Return the blocks of an architecture that lie nearest to relative depths, to compare architectures layer by layer.

    A block is a layer that everything passes through; of several at one depth it is the last and outermost, so the
    activation after a convolution, or the stage that ends there.

    Parameters
    ----------
    architecture : Architecture
        Its width does not matter.
    depths : sequence of float
        Each over 0 and at most 1, as in `relative_depth`.

    Returns
    -------
    list of str
        A dotted name for each depth; one twice where two depths are nearest to one block.

    Raises
    ------
    InvalidInputError
        If a depth is not in (0, 1].
    """
    if outside := [depth for depth in depths if not 0 < depth <= 1]:
        raise InvalidInputError(f"Expected relative depths over 0 and at most 1; got {outside[0]!r}. 1 is the network's output.")
    of_layer, blocks = _depths(architecture).of_layer, _depths(architecture).blocks
    return [min(blocks, key=lambda block: abs(of_layer[block] - depth)) for depth in depths]


@lru_cache
def _depths(architecture: Architecture) -> Depths:
    return architecture_depths(architecture)
