"""What the descent differentiates: m1 up to the layer, faster than as given, and what it costs in precision."""

from collections.abc import Callable
from copy import deepcopy
from functools import partial

import torch
from torch import Tensor, nn

from stir.errors import InvalidInputError, check_known
from stir.features import widened
from stir.layers import resolve_layer
from stir.models.folding import cut, folded, with_fake_last_relu
from stir.models.frozen import Buffers, lend
from stir.models.usable import check_model, place_of, running_eagerly
from stir.poolings import Pooling, get_pooling
from stir.representations import represent, rows

PRECISIONS = ("float32", "bfloat16")
LAST_RELU = ("true", "fake")
LARGEST_DIFFERENCE = 1e-3
Forward = Callable[[Tensor], Tensor]


def working_forwards(
    model: nn.Module, layer: str | None, images: Tensor, *, pooling: str, precision: str, last_relu: str
) -> dict[str, Forward | None]:
    """Return a function images -> representation for ``"float32"``, and one for ``"bfloat16"`` where that is asked for.

    A descent begins with the latter and ends with the former. BatchNorm is folded into convolutions
    where the model can be traced. None stands for the model as given: where it cannot be traced, or
    the folded one does not agree with it.

    Parameters
    ----------
    model : torch.nn.Module
        m1.
    layer : str or None
        As in `stir.represent`.
    images : Tensor
        A few images, to compare the folded model with the model as given.
    pooling : str
        As in `stir.represent`.
    precision : str
        The first to be used; ``"float32"`` stands for the model's own type.
    last_relu : str
        ``"true"``, or ``"fake"``: gradients pass the last ReLU before the layer as if it were the identity.

    Raises
    ------
    InvalidInputError
        If a name is unknown, or there is no last ReLU to fake.
    """
    for name, value, known in (("precision", precision, PRECISIONS), ("last_relu", last_relu, LAST_RELU)):
        check_known(name, value, known)
    check_model(model)
    get_pooling(pooling)
    forward = lend(model, partial(_folded_forward, model, layer, images, pooling, last_relu))
    if precision == "float32":
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
def _folded_forward(model: nn.Module, layer: str | None, images: Tensor, pooling: str, last_relu: str) -> _Folded | None:
    place = place_of(model, images)
    with running_eagerly(model):
        two = images[:2].expand(2, *images.shape[1:]).to(device=place.device, dtype=place.dtype)
        buffers = Buffers(model)
        found = resolve_layer(model, layer, two)
        buffers.restore()
        part = cut(model, found.name, found.side)
        buffers.restore()
    short = None if part is None else folded(part)
    if short is not None and last_relu == "fake":
        short = with_fake_last_relu(short)
    if part is None or short is None:
        if last_relu == "fake":
            raise InvalidInputError(
                "Found no ReLU before the layer to fake the gradient of, or torch.fx cannot trace it. Use last_relu='true'."
            )
        return None
    forward = _Folded(short, found.name, get_pooling(pooling), place.dtype)
    expected = widened(represent(model, images.to(place), layer=layer, pooling=pooling))
    apart = (widened(forward(images.to(place))) - expected).norm() / expected.norm()
    return forward if apart < LARGEST_DIFFERENCE else None
