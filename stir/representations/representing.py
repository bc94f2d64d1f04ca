"""Functions images -> representation of a model that is frozen meanwhile."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from stir.dtypes import widened
from stir.layers import Layer, LayerSpec, Select, layer_spec, layouts, resolve_layers
from stir.models.frozen import Buffers, frozen
from stir.models.usable import check_model, place_of, running_eagerly
from stir.poolings import Pooling, get_pooling, is_free, settled
from stir.representations.reading import Reading, rows


class RepresentingLayers:
    """Images -> a representation for each of several layers, in one forward pass."""

    def __init__(self, reading: Reading, layers: Sequence[Layer], poolings: Sequence[Pooling]) -> None:
        self._reading, self._layers, self.poolings = reading, list(layers), list(poolings)

    def __call__(self, images: Float[Tensor, "n ..."]) -> list[Float[Tensor, "n d"]]:
        """Return the representations; the forward pass stops at the last layer."""
        return self._pooled(self._reading.activations, images)

    def _pooled(self, read: Callable[[Tensor], list[Any]], images: Tensor) -> list[Tensor]:
        activations = read(images)

        def of(number: int) -> Callable[[Tensor], Any]:
            return lambda batch: (activations if batch is images else read(batch))[number]

        taken = [rows(of(number), images, str(layer)) for number, layer in enumerate(self._layers)]
        return [pool(each) for pool, each in zip(self.poolings, taken, strict=True)]


class Representing(RepresentingLayers):
    """Images -> representation, with the model frozen meanwhile; differentiable in the images."""

    @property
    def layer(self) -> str:
        """The layer, for messages."""
        return str(self._layers[0])

    def __call__(self, images: Float[Tensor, "n ..."]) -> Float[Tensor, "n d"]:  # type: ignore[override]
        """Return the representation; the forward pass stops at the layer."""
        return super().__call__(images)[0]

    @torch.no_grad()
    def with_output(self, images: Float[Tensor, "n ..."]) -> tuple[Float[Tensor, "n d"], Any]:
        """Return the representation and what the whole model gives."""
        output: Any = None

        def read(batch: Tensor) -> list[Any]:
            nonlocal output
            taken, output = self._reading.with_output(batch)
            return taken

        (representation,) = self._pooled(read, images)
        return representation, output[: len(images)] if isinstance(output, Tensor) and output.ndim == 2 else output


@contextmanager
def representing(
    model: nn.Module,
    layer: str | LayerSpec | None,
    images: Float[Tensor, "k ..."],
    *,
    select: Select = None,
    pooling: str | Pooling = "flatten",
    wide: bool = False,
) -> Iterator[Representing]:
    """Give the function images -> representation, with the model frozen meanwhile.

    The model is in eval mode inside the block and as it was found after it.

    Parameters
    ----------
    model : torch.nn.Module
        Any model.
    layer : str, LayerSpec or None
        As in `resolve_layer`; a `LayerSpec` carries the selector and the pooling.
    images : Float[Tensor, "k ..."]
        One or two images, to find the layer with.
    select : str or int, optional
        As in `resolve_layer`.
    pooling : str or callable
        As in `stir.represent`.
    wide : bool
        Give representations of half precision in float32.

    Examples
    --------
    >>> import torch
    >>> from stir.representations import representing
    >>> model = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(144, 3))
    >>> images = torch.rand(5, 1, 8, 8)
    >>> with representing(model, "1", images[:2]) as represent:
    ...     represent(images).shape
    ...
    torch.Size([5, 144])
    """
    with _reading(model, [layer_spec(layer, select, pooling)], images) as (reading, layers, poolings):
        (pool,) = poolings
        yield Representing(reading, layers, [(lambda x: widened(pool(x))) if wide else pool])


@contextmanager
def representing_layers(
    model: nn.Module, specs: Sequence[LayerSpec], images: Float[Tensor, "k ..."]
) -> Iterator[RepresentingLayers]:
    """Give the function images -> representations of several layers, as `representing` does for one."""
    with _reading(model, specs, images) as (reading, layers, poolings):
        yield RepresentingLayers(reading, layers, poolings)


@contextmanager
def _reading(
    model: nn.Module, specs: Sequence[LayerSpec], images: Tensor
) -> Iterator[tuple[Reading, list[Layer], list[Pooling]]]:
    check_model(model)
    for spec in specs:
        get_pooling(spec.pooling)
    place = place_of(model, images)
    two = images[:2].expand(2, *images.shape[1:]).to(device=place.device, dtype=place.dtype)
    with frozen(model), running_eagerly(model):
        buffers = Buffers(model)
        layers = resolve_layers(model, specs, two)
        buffers.restore()
        poolings = _settled(model, layers, two, [spec.pooling for spec in specs])
        buffers.restore()
        with Reading(model, layers, place).attached() as reading:
            yield reading, layers, poolings


def settle_pooling(model: nn.Module, layer: Layer, images: Float[Tensor, "2 ..."], pooling: str | Pooling) -> Pooling:
    """Return the function that pools a layer's activations, with what it averages over settled for this layer.

    Parameters
    ----------
    model : torch.nn.Module
        In eval mode.
    layer : Layer
        Of the model.
    images : Float[Tensor, "2 ..."]
        To learn the layout of the activations with.
    pooling : str or callable
        A name, or a function (n, ...) -> (n, d).

    Raises
    ------
    LayerError
        If the layer is none that the pooling takes, or it is not known which dimensions it would be over.
    """
    return _settled(model, [layer], images, [pooling])[0]


def _settled(model: nn.Module, layers: Sequence[Layer], images: Tensor, poolings: Sequence[str | Pooling]) -> list[Pooling]:
    open_ones = [layer for layer, pooling in zip(layers, poolings, strict=True) if not is_free(pooling)]
    found = dict(zip(open_ones, layouts(model, open_ones, images), strict=True)) if open_ones else {}
    return [
        get_pooling(pooling) if is_free(pooling) else settled(pooling, str(layer), found[layer])
        for layer, pooling in zip(layers, poolings, strict=True)
    ]
