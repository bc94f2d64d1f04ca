"""Find layers in a model, by running two images through it."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from stir.errors import LayerError
from stir.layers.calls import Call, calls_of
from stir.layers.layer import OUTPUT, PENULTIMATE, Layer, LayerSpec, Select, layer_spec
from stir.layers.naming import known_name, split_name
from stir.layers.penultimate import penultimate
from stir.layers.selecting import settled_select


def resolve_layer(
    model: nn.Module, layer: str | LayerSpec | None, images: Float[Tensor, "2 ..."], *, select: Select = None
) -> Layer:
    """Find a layer by running two images through the whole model.

    Parameters
    ----------
    model : torch.nn.Module
        A model in eval mode.
    layer : str, LayerSpec or None
        A dotted name of ``named_modules()``, with or without what wraps the network (``network.``); with ``:CALL``
        the CALL-th call, from 0, of a module that is called several times; ``"output"``, what the model gives; None (or
        ``"penultimate"``), what its classifier takes.
    images : Float[Tensor, "2 ..."]
        Two, not one, since some models squeeze a single one away.
    select : str or int, optional
        Which tensor of the layer's output, where that is several: a field, a key or an index.

    Raises
    ------
    LayerError
        If there is no such layer, or it is called several times and no call is named, or its
        output has no tensor, or several, with one row per image; or if it is not known which layer is the penultimate.
    InvalidInputError
        If the model fails on images of this shape.
    """
    return resolve_layers(model, [layer_spec(layer, select)], images)[0]


@torch.no_grad()
def resolve_layers(model: nn.Module, specs: Sequence[LayerSpec], images: Float[Tensor, "2 ..."]) -> list[Layer]:
    """Find several layers, as `resolve_layer` does, in one forward pass; one more finds the penultimate layer."""
    modules = dict(model.named_modules())
    places = [_place(modules, spec) for spec in specs]
    found: list[Layer | None] = [None] * len(specs)
    if PENULTIMATE in {name for name, _ in places}:
        last = penultimate(model, modules, images)
        found = [last if name == PENULTIMATE else None for name, _ in places]
    watched = {name: modules[name] for name, _ in places if name not in (PENULTIMATE, "")}
    if None in found:
        calls, output = calls_of(model, watched, images)
        for number, ((name, call), spec) in enumerate(zip(places, specs, strict=True)):
            if found[number] is None and name:
                of_name = [each for each in calls if each.name == name]
                found[number] = _of_module(name, call, spec, of_name, len(images))
            elif found[number] is None:
                found[number] = Layer("", "output", select=settled_select(output, spec.select, OUTPUT, len(images)))
    return [layer for layer in found if layer is not None]


def _place(modules: dict[str, nn.Module], spec: LayerSpec) -> tuple[str, int | None]:
    """Return a layer's full name and call; the name is empty for the model itself, or `PENULTIMATE`."""
    if spec.layer in (None, PENULTIMATE):
        if spec.select is not None:
            raise LayerError(f"The penultimate layer is one tensor; got select={spec.select!r}. Leave it out, or name a layer.")
        return PENULTIMATE, None
    if spec.layer == OUTPUT and known_name(modules, OUTPUT) is None:
        return "", None
    return split_name(modules, spec.layer)


def _of_module(name: str, call: int | None, spec: LayerSpec, calls: list[Call], n: int) -> Layer:
    if call is None and len(calls) != 1:
        one = f"Name one call, from '{spec.layer}:0' to '{spec.layer}:{len(calls) - 1}', or" if calls else "Name"
        raise LayerError(
            f"Expected layer {spec.layer!r} to be called once in a forward pass; it was called {len(calls)} times. "
            f"{one} a layer that is called once, such as its parent."
        )
    if call is not None and call >= len(calls):
        raise LayerError(
            f"Expected a call of layer {name!r} from 0 to {len(calls) - 1}; got {call}. It is called {len(calls)} times."
            if calls
            else f"Expected layer {name!r} to be called; a forward pass does not call it. Name another layer."
        )
    select = settled_select(calls[call or 0].output, spec.select, str(spec.layer), n)
    return Layer(name, "output", None if len(calls) == 1 else call, select)
