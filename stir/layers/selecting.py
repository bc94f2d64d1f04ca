"""Which tensor of a layer's output, where that is a tuple, a dictionary, an output of Transformers, or such in each other."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor, nn

from stir.errors import LayerError
from stir.layers.activations import are_activations, check_activations, not_activations
from stir.layers.layer import Select
from stir.names import shortened

STEP = re.compile(r"\[(-?\d{1,9})\]|\.?([^.\[\]]+)")
"""One step of a selector: ``[0]``, or the name of a field or key."""
SHOWN = 12
"""Choices that a message lists."""


def choices(output: Any) -> dict[str, Tensor]:
    """Return every tensor in what a layer gives, by the selector that chooses it."""
    return {path.removeprefix("."): leaf for path, leaf in _leaves(output, "") if isinstance(leaf, Tensor)}


def _leaves(output: Any, path: str) -> Iterator[tuple[str, Any]]:
    fields = _fields(output)
    if fields is None:
        yield path, output
        return
    for key, value in fields.items():
        yield from _leaves(value, f"{path}[{key}]" if isinstance(key, int) else f"{path}.{key}")


def _fields(output: Any) -> dict[Any, Any] | None:
    """Return the parts of an output by their names or places; None if it has none."""
    if isinstance(output, Mapping):
        return dict(output)
    if isinstance(output, tuple) and hasattr(output, "_fields"):
        return dict(zip(output._fields, output, strict=True))
    if isinstance(output, tuple | list):
        return dict(enumerate(output))
    if isinstance(output, Tensor | nn.Module | type) or not hasattr(output, "__dict__"):
        return None
    return vars(output)


def selected(output: Any, select: Select, layer: str) -> Any:
    """Return the part of a layer's output that a selector names; the output itself where there is none.

    Parameters
    ----------
    output : object
        What the layer gave.
    select : str, int or None
        A field or key, an index (``0`` or ``"[0]"``, of those that are not None), or several in a row:
        ``"hidden_states[3]"``.
    layer : str
        Its name, for the message.

    Raises
    ------
    LayerError
        If there is no such part; with those that there are.
    """
    if select is None:
        return output
    if isinstance(output, Tensor):
        raise LayerError(f"Layer {layer!r} gives one tensor, so there is nothing to select; got select={select!r}. Leave it out.")
    found = output
    for step in _steps(select, output, layer):
        fields = _fields(found) or {}
        if step not in fields and isinstance(step, int):
            fields = dict(enumerate(value for value in fields.values() if value is not None))
            step = step + len(fields) if step < 0 else step
        if step not in fields:
            raise _no_choice(select, output, layer)
        found = fields[step]
    return found


def _steps(select: Select, output: Any, layer: str) -> list[str | int]:
    """Return a selector as names and indices; a key with dots in it is one name."""
    if isinstance(select, int) and not isinstance(select, bool):
        return [select]
    if not isinstance(select, str):
        raise LayerError(f"Expected a selector as a field, a key or an index; got {shortened(select)}. Write select='[0]'.")
    if select in (_fields(output) or {}):
        return [select]
    steps = list(STEP.finditer(select))
    if not steps or "".join(step.group() for step in steps) != select:
        raise _no_choice(select, output, layer)
    return [int(step.group(1)) if step.group(1) else step.group(2) for step in steps]


def _no_choice(select: Select, output: Any, layer: str) -> LayerError:
    listed = _listed(choices(output))
    return LayerError(f"The output of layer {layer!r} has no part {shortened(select)}. Its tensors are {listed or 'none'}.")


def _listed(found: dict[str, Tensor]) -> str:
    shapes = [f"{path!r} {tuple(tensor.shape)}" for path, tensor in found.items()]
    return ", ".join(shapes[:SHOWN]) + (f" and {len(shapes) - SHOWN} more" if len(shapes) > SHOWN else "")


def settled_select(output: Any, select: Select, layer: str, n: int) -> Select:
    """Return the selector of the tensor that is read of a layer's output: as given, or of the only one that fits.

    Parameters
    ----------
    output : object
        What the layer gave for n images.
    select : str, int or None
        As asked for.
    layer : str
        Its name, for the message.
    n : int
        Number of images.

    Raises
    ------
    LayerError
        If it chooses no tensor (n, ...), or nothing is selected and several fit; with the choices.
    """
    if select is not None or isinstance(output, Tensor) or _fields(output) is None:
        check_activations(selected(output, select, layer), layer, n)
        return select
    found = choices(output)
    fit = {path: tensor for path, tensor in found.items() if are_activations(tensor, n)}
    if len(fit) == 1:
        return next(iter(fit))
    came = f"{type(output).__name__} of {_listed(fit or found) or 'no tensors'}, for n={n}"
    choose = f"Choose with select={next(iter(fit))!r} or such, or n" if fit else "N"
    raise not_activations(layer, came, f"{choose}ame another layer.")
