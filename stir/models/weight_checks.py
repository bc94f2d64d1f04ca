"""Whether weights are a model's: names, shapes, kinds of numbers and values, before anything of it changes."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

from stir.errors import CheckpointError
from stir.models.normalise import Normalise
from stir.models.own_names import own_values
from stir.models.tracing import ThreadTracer
from stir.names import shortened, shown


def check_fit(model: nn.Module, weights: Mapping[str, Tensor], path: object) -> None:
    """Refuse weights of another shape or kind than a model's, or that no results could be computed with.

    Weights have the model's names; what is missing is not checked.

    Raises
    ------
    CheckpointError
        Naming the file and the entry.
    """
    own = {name: value for name, value in own_values(model).items() if name in weights}
    for name, value in own.items():
        if weights[name].shape != value.shape:
            raise CheckpointError(
                f"Expected {shortened(name)} of shape {tuple(value.shape)}; got {tuple(weights[name].shape)} in {shown(path)}. "
                "Build the model with the checkpoint's width and classes."
            )
        _check_kind(name, value, weights[name], path)
        _check_values(model, name, value, weights[name], path)
    _check_ties(own, weights, path)


def _check_kind(name: str, own: Tensor, value: Tensor, path: object) -> None:
    """Refuse numbers that the model's type cannot hold: none is rounded to a whole, or loses its imaginary part."""
    if own.is_floating_point():
        fits = value.is_floating_point()
    elif own.is_complex():
        fits = value.is_complex() or value.is_floating_point()
    else:
        fits = not value.is_complex() and torch.equal(value.to(own.dtype).to(value.dtype), value)
    if not fits:
        raise CheckpointError(
            f"Expected {shortened(name)} of {_of(own)} numbers; got {_of(value)} in {shown(path)}, which it does not hold. "
            "Save the model's own state_dict()."
        )


def _of(value: Tensor) -> str:
    return str(value.dtype).removeprefix("torch.")


def _check_values(model: nn.Module, name: str, own: Tensor, value: Tensor, path: object) -> None:
    """Refuse NaN and infinity where results would depend on them."""
    loaded = value.to(own.dtype)
    if not (own.is_floating_point() or own.is_complex()) or _is_quickly_finite(loaded) or _finite(loaded).all():
        return
    if (_finite(value) & ~_finite(loaded)).any():
        raise CheckpointError(
            f"{shortened(name)} in {shown(path)} has values that are finite as {_of(value)} and infinite as the model's "
            f"{_of(own)}. Convert the model (model.to({value.dtype})), or use another checkpoint."
        )
    # Infinity is what a causal mask is made of; a statistic of infinity is a training that diverged.
    statistic = isinstance(model.get_submodule(name.rpartition(".")[0]), _NormBase | Normalise)
    mask = not isinstance(own, nn.Parameter) and not statistic and not loaded.isnan().any()
    if not mask and is_used(model, name):
        raise CheckpointError(
            f"{shortened(name)} in {shown(path)} has NaN or infinity. The training diverged; use another checkpoint."
        )


def _is_quickly_finite(value: Tensor) -> bool:
    """Return True only if all is finite: what is not makes the sum so, and a sum takes one pass and no memory."""
    return value.dtype in (torch.float32, torch.float64) and bool(torch.isfinite(value.sum()))


def _finite(value: Tensor) -> Tensor:
    # Not all types of eight bits know what is finite.
    return torch.isfinite(value if value.is_complex() or value.itemsize > 1 else value.float())


def is_used(model: nn.Module, name: str) -> bool:
    """Return whether a forward pass reads a parameter or buffer, as far as that can be told without images."""
    try:
        graph = ThreadTracer().trace_model(model)
    except Exception:  # control flow, foreign functions: whatever keeps a model from being traced
        return True
    read = {str(node.target) for node in graph.nodes if node.op in ("call_module", "get_attr")}
    return any(name == each or name.startswith(f"{each}.") for each in read)


def _check_ties(own: Mapping[str, Tensor], weights: Mapping[str, Tensor], path: object) -> None:
    first: dict[int, str] = {}
    for name, value in own.items():
        other = first.setdefault(id(value), name)
        if weights[other] is not weights[name] and not torch.equal(weights[other], weights[name]):
            raise CheckpointError(
                f"Expected one value of {shortened(other)} and {shortened(name)}, which are one parameter of the model; got two "
                f"in {shown(path)}. Build the model as it was trained."
            )
