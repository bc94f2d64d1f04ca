"""A faster forward pass for the descent: m1 up to the layer, with BatchNorm folded, in a precision to choose."""

from collections.abc import Callable
from copy import deepcopy
from functools import partial

import torch
from torch import Tensor, nn

from stir.dtypes import widened
from stir.errors import InvalidInputError
from stir.inversion.settings import InversionSettings
from stir.layers import LayerSpec, layer_spec, resolve_layer
from stir.models.folding import cut, folded, with_fake_last_relu
from stir.models.frozen import Buffers, lend
from stir.models.usable import check_model, place_of, running_eagerly
from stir.poolings import Pooling
from stir.representations import represent, rows, settle_pooling

LARGEST_DIFFERENCE = 1e-3
Forward = Callable[[Tensor], Tensor]


def fast_forwards(
    model: nn.Module, layer: str | LayerSpec | None, images: Tensor, settings: InversionSettings
) -> dict[str, Forward | None]:
    """Return a function images -> representation for ``"float32"``, and one for ``"bfloat16"`` where that is asked for.

    A descent begins with the latter and ends with the former. BatchNorm is folded into convolutions
    where the model can be traced. None stands for the model as given: where it cannot be traced, or
    the folded one does not agree with it.

    Parameters
    ----------
    model : torch.nn.Module
        m1.
    layer : str, LayerSpec or None
        As in `stir.represent`.
    images : Tensor
        A few images, to compare the folded model with the model as given.
    settings : InversionSettings
        Its pooling, its precision, of which ``"float32"`` stands for the model's own type, and whether the last ReLU is fake.

    Raises
    ------
    InvalidInputError
        If the model cannot be traced for bfloat16, or there is no last ReLU to fake.
    """
    check_model(model)
    forward = lend(model, partial(_folded_forward, model, layer, images, settings))
    if settings.precision == "float32":
        return {"float32": forward}
    device_type = place_of(model, images).device.type
    if forward is None:
        raise InvalidInputError(
            "Expected a model that torch.fx can trace for precision='bfloat16'; this one has control flow or functions "
            "that it cannot follow. Use precision='float32'."
        )
    if device_type not in ("cpu", "cuda"):
        raise InvalidInputError(f"Expected a CPU or CUDA device for precision='bfloat16'; got {device_type!r}. Use 'float32'.")
    return {"bfloat16": _Folded(_rounded(forward), forward.layer, forward.pooling, torch.bfloat16), "float32": forward}


class _Folded:
    """A folded part of a model as a function of images; takes and gives the type of the images."""

    def __init__(self, part: nn.Module, layer: str, pooling: Pooling, dtype: torch.dtype) -> None:
        self.part, self.layer, self.pooling, self.dtype = part, layer, pooling, dtype
        self._buffers = Buffers(part)

    def __call__(self, images: Tensor) -> Tensor:
        try:
            return self.pooling(rows(self.part, images.to(self.dtype, copy=True), self.layer)).to(images.dtype)
        finally:
            self._buffers.restore()


def _rounded(forward: _Folded) -> nn.Module:
    return deepcopy(forward.part).to(torch.bfloat16)


@torch.no_grad()
def _folded_forward(
    model: nn.Module, layer: str | LayerSpec | None, images: Tensor, settings: InversionSettings
) -> _Folded | None:
    place, spec = place_of(model, images), layer_spec(layer, None, settings.pooling)
    with running_eagerly(model):
        two = images[:2].expand(2, *images.shape[1:]).to(device=place.device, dtype=place.dtype)
        buffers = Buffers(model)
        found = resolve_layer(model, spec, two)
        buffers.restore()
        pooling = settle_pooling(model, found, two, spec.pooling)
        # A call among several, a field or the model's own output is read from the model as given.
        part = cut(model, found.name, found.side) if found.is_plain else None
        buffers.restore()
    short = None if part is None else folded(part)
    if short is not None and settings.fake_last_relu:
        short = with_fake_last_relu(short)
    if part is None or short is None:
        if settings.fake_last_relu:
            raise InvalidInputError(
                "Found no ReLU before the layer to fake the gradient of, or torch.fx cannot trace it. Leave fake_last_relu out."
            )
        return None
    forward = _Folded(short, found.name, pooling, place.dtype)
    expected = widened(represent(model, images.to(place), layer=spec))
    difference = (widened(forward(images.to(place))) - expected).norm() / expected.norm()
    return forward if difference < LARGEST_DIFFERENCE else None
