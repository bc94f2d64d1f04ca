"""Watch the calls of modules in a forward pass."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from stir.models.frozen import Buffers, Spy, frozen
from stir.models.usable import check_model, forward, place_of, running_eagerly
from stir.poolings import Evidence, Seen


@dataclass(frozen=True)
class Call:
    """One call of a module."""

    name: str
    inputs: Any
    """Its first argument."""
    output: Any
    before: Seen
    """What the forward pass told, up to this call, of which dimensions are features."""
    after: Seen
    identity: object
    """Of the output: alike for layers that hand on what another gave them, as it is or flattened."""
    identity_of_input: object


def identity(value: Any) -> object:
    """Return what tells tensors that are kept apart: their piece of memory, and how often it had been written to."""
    if not isinstance(value, Tensor) or value.layout != torch.strided:
        return id(value)
    order = None if value.is_contiguous() else (value.shape, value.stride())
    version = 0 if value.is_inference() else value._version
    return value.untyped_storage()._cdata, value.storage_offset(), value.numel(), version, order


def calls_of(
    model: nn.Module, watched: Mapping[str, nn.Module], images: Float[Tensor, "n ..."], *, copying: bool = False
) -> tuple[list[Call], Any]:
    """Return the calls of some modules in a forward pass, in the order in which they end, and what the whole model gives.

    Parameters
    ----------
    model : torch.nn.Module
        In eval mode.
    watched : mapping
        Modules by their names.
    images : Float[Tensor, "n ..."]
        What it takes.
    copying : bool
        Whether outputs are copied, as their values are wanted: what follows may work in place.
    """
    with watching(watched, copying=copying) as calls:
        return calls, forward(model, images)


@contextmanager
def watching(
    watched: Mapping[str, nn.Module], *, evidence: Evidence | None = None, copying: bool = False
) -> Iterator[list[Call]]:
    """Give a list that fills with the calls of some modules, in the order in which they end.

    Parameters
    ----------
    watched : mapping
        Modules by their names.
    evidence : Evidence, optional
        Of the forward pass; calls keep what it had seen.
    copying : bool
        Whether outputs are copied.
    """
    calls: list[Call] = []

    def told(name: str) -> tuple[Spy, Spy]:
        entered: list[tuple[Seen, object]] = []

        def begin(_module: nn.Module, inputs: Any, keywords: Any) -> None:
            entered.append((Seen() if evidence is None else evidence.seen, identity(tensor_argument(inputs, keywords))))

        def end(_module: nn.Module, inputs: Any, keywords: Any, output: Any) -> None:
            kept = output.clone() if copying and isinstance(output, Tensor) else output
            before, of_input = entered.pop()
            after = before if evidence is None else evidence.seen
            calls.append(Call(name, tensor_argument(inputs, keywords), kept, before, after, identity(output), of_input))

        return Spy(begin), Spy(end)

    with ExitStack() as hooks:
        for name, module in watched.items():
            begin, end = told(name)
            hooks.callback(module.register_forward_pre_hook(begin, with_kwargs=True).remove)
            hooks.callback(module.register_forward_hook(end, with_kwargs=True).remove)
        yield calls


def tensor_argument(inputs: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
    """Return what a module was called with, by place or by name."""
    return next(iter((*inputs, *keywords.values())), None)


@contextmanager
def trial(model: nn.Module, images: Float[Tensor, "k ..."]) -> Iterator[Float[Tensor, "2 ..."]]:
    """Freeze a model for a block, and give two images that it can be tried on; weights may be on the device ``"meta"``."""
    place = place_of(model, images)
    if not place.is_meta:
        check_model(model)
    two = images[:2].expand(2, *images.shape[1:]).to(device=place.device, dtype=place.dtype)
    with frozen(model), running_eagerly(model), torch.no_grad():
        buffers = Buffers(model)
        try:
            yield two
        finally:
            buffers.restore()
