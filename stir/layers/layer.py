"""A layer as it is asked for, and as it is found in a model."""

from dataclasses import dataclass
from typing import TypeAlias

from stir.errors import InvalidInputError
from stir.poolings import Pooling

PENULTIMATE = "penultimate"
OUTPUT = "output"
"""The model's own output, unless a module is called so."""

Select: TypeAlias = str | int | None


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

    def __str__(self) -> str:
        """Return it as messages call it."""
        if self.side == "input":
            return f"input of {self.name}"
        return (self.name or OUTPUT) + ("" if self.call is None else f":{self.call}")


@dataclass(frozen=True)
class LayerSpec:
    """A layer as it is asked for: its name, which tensor of its output, and what makes vectors of it.

    Examples
    --------
    >>> import torch, stir
    >>> from stir.layers import LayerSpec
    >>> model = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(144, 3))
    >>> stir.represent(model, torch.rand(5, 1, 8, 8), layer=LayerSpec("0", pooling="spatial_mean")).shape
    torch.Size([5, 4])
    """

    layer: str | None = None
    """``NAME``, ``NAME:CALL``, ``"output"``, ``"penultimate"``; None is the penultimate layer."""
    select: Select = None
    """Field, key or index, where the layer gives several tensors."""
    pooling: str | Pooling = "flatten"
    """A name, or a function (n, ...) -> (n, d)."""


def layer_spec(layer: str | LayerSpec | None, select: Select = None, pooling: str | Pooling = "flatten") -> LayerSpec:
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
