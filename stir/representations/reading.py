"""Read layers in forward passes, which end at the last of them; differentiable in the images."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from jaxtyping import Float
from torch import Tensor, nn

from stir.errors import LayerError
from stir.layers import (
    Layer,
    check_activations,
    selected,
    tensor_argument,
)
from stir.models.frozen import Buffers, Spy


class _LayersReached(Exception):
    """Ends a forward pass when all layers have been reached."""


class Reading:
    """Images -> activations of layers, with the model frozen meanwhile.

    Parameters
    ----------
    model : torch.nn.Module
        In eval mode.
    layers : sequence of Layer
        Of the model.
    place : Tensor
        Of the device and type that the model takes images in.
    """

    def __init__(self, model: nn.Module, layers: Sequence[Layer], place: Tensor) -> None:
        self._model, self._layers, self._place = model, list(layers), place
        self._buffers = Buffers(model)
        # What the model itself gives is known when the forward pass has ended.
        self._can_stop = all(layer.name for layer in self._layers)
        self._stops = True
        self._calls = [0] * len(self._layers)
        self._seen: list[Any] = [None] * len(self._layers)
        self._missing = 0

    @contextmanager
    def attached(self) -> Iterator["Reading"]:
        """Have the layers tell their activations; nothing after them can overwrite these first."""
        modules = dict(self._model.named_modules())
        with ExitStack() as hooks:
            for number, layer in enumerate(self._layers):
                if layer.name:
                    hooks.callback(self._tell_at(modules[layer.name], layer.side, number).remove)
            yield self

    def _tell_at(self, module: nn.Module, side: str, number: int) -> Any:
        def at_input(_module: nn.Module, inputs: tuple[Tensor, ...], keywords: dict[str, Tensor]) -> None:
            self._reach(number, tensor_argument(inputs, keywords))

        def at_output(_module: nn.Module, _inputs: tuple[Tensor, ...], output: Any) -> None:
            self._reach(number, output)

        if side == "input":
            return module.register_forward_pre_hook(Spy(at_input), with_kwargs=True)
        return module.register_forward_hook(Spy(at_output))

    def _reach(self, number: int, value: Any) -> None:
        """Take what a layer gives; a copy, since the rest of the forward pass may work in place."""
        layer = self._layers[number]
        self._calls[number] += 1
        if layer.call not in (None, self._calls[number] - 1):
            return
        value = selected(value, layer.select, str(layer))
        self._missing -= self._seen[number] is None
        ends = self._stops and self._can_stop and self._missing == 0
        self._seen[number] = value if ends or not isinstance(value, Tensor) else value.clone()
        if ends:
            raise _LayersReached

    def activations(self, images: Float[Tensor, "n ..."]) -> list[Any]:
        """Return what the layers give; the forward pass stops at the last of them."""
        try:
            return self._taken(self._forward(images))
        except _LayersReached:
            return self._taken(None)

    def with_output(self, images: Float[Tensor, "n ..."]) -> tuple[list[Any], Any]:
        """Return what the layers give, and what the whole model gives."""
        self._stops = False
        try:
            output = self._forward(images)
        finally:
            self._stops = True
        return self._taken(output), output

    def _taken(self, output: Any) -> list[Any]:
        """Return what was taken of the layers, and keep none of it."""
        taken: list[Any] = self._seen
        self._seen = [None] * len(self._layers)
        for number, layer in enumerate(self._layers):
            if not layer.name:
                taken[number] = selected(output, layer.select, str(layer))
            elif taken[number] is None:
                raise LayerError(
                    f"The forward pass no longer reaches layer {str(layer)!r}: the model's path depends on its input."
                )
        return taken

    def _forward(self, images: Tensor) -> Any:
        self._calls, self._seen = [0] * len(self._layers), [None] * len(self._layers)
        self._missing = len(self._layers)
        # A copy: the model may work in place.
        copied = images.to(device=self._place.device, dtype=self._place.dtype, copy=True)
        try:
            return self._model(copied)
        finally:
            # A model that counts or averages over its calls would give each batch something else.
            self._buffers.restore()


def rows(activations_of: Callable[[Tensor], Tensor], images: Float[Tensor, "n ..."], layer: str) -> Tensor:
    """Return a layer's activations with one row for each image.

    Parameters
    ----------
    activations_of : callable
        Images -> activations.
    images : Float[Tensor, "n ..."]
        What is represented.
    layer : str
        Its name, for the message.

    Raises
    ------
    LayerError
        If there are other rows, or none.
    """
    activations = activations_of(images)
    if len(images) == 1 and isinstance(activations, Tensor) and (activations.ndim < 2 or len(activations) != 1):
        # `squeeze` also removes the dimension of a single image.
        activations = activations_of(images.expand(2, *images.shape[1:]))
        check_activations(activations, layer, 2)
        return activations[:1]
    check_activations(activations, layer, len(images))
    return activations.dequantize() if activations.is_quantized else activations
