"""Whether weights are a model's: names, shapes, kinds of numbers and values, before anything of it changes."""

from collections.abc import Collection, Mapping

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.parameter import is_lazy

from stir.errors import CheckpointError, near_matches
from stir.models.normalise import Normalise
from stir.models.tracing import ThreadTracer
from stir.models.weight_files import shown
from stir.names import shortened

MAX_PREFIXES = 8
COUNT = "num_batches_tracked"
UPDATES = "n_averaged"
MAX_HINT = 300


def own_values(model: nn.Module) -> dict[str, Tensor]:
    """Return what weights are loaded into, by name; entries that are one `Parameter` are one object.

    Raises
    ------
    CheckpointError
        If the model has values that cannot be loaded into.
    """
    values = dict(model.state_dict(keep_vars=True))
    for name, value in values.items():
        what = _no_plain_tensor(value)
        if what is not None:
            raise CheckpointError(f"Expected a model of plain tensors to load weights into; its {shortened(name)} is {what}.")
    return values


def _no_plain_tensor(value: object) -> str | None:
    if not isinstance(value, Tensor):
        return f"a {type(value).__name__}: load the weights with PyTorch, or before the model is quantised"
    if is_lazy(value):
        return "without a shape yet: run the model on images once"
    if value.is_meta:
        return "on the meta device, without values: build the model on a device, as with model.to_empty(device='cpu')"
    if value.is_quantized or value.layout is not torch.strided:
        return "quantised or sparse: load the weights into the model before it is converted"
    return None


def without_prefixes(weights: dict[str, Tensor], names: Collection[str]) -> dict[str, Tensor]:
    """Drop what data-parallel, compiled and wrapped models put before all names, if one is among ``names`` then.

    Averaged models (`torch.optim.swa_utils.AveragedModel`) count their updates beside them.
    """
    known = set(names)
    shorter = {name: value for name, value in weights.items() if name != UPDATES or name in known}
    for _ in range(MAX_PREFIXES):
        if known & shorter.keys():
            return shorter
        prefix, dot, _ = next(iter(shorter), "").partition(".")
        if not dot or not all(name.startswith(prefix + dot) for name in shorter):
            break
        shorter = {name.removeprefix(prefix + dot): value for name, value in shorter.items()}
    return weights


def with_what_follows(weights: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Add what need not be in a file: names of tied parameters, of which one is there, and counts of batches.

    Old files have no counts; they play a part only in training with ``momentum=None``. The model's own are kept.
    """
    present = {id(own[name]): name for name in weights if name in own}
    follows = {name: weights[present[id(value)]] for name, value in own.items() if name not in weights and id(value) in present}
    counts = {name: value for name, value in own.items() if name.rpartition(".")[2] == COUNT and name not in weights}
    return dict(weights) | counts | follows


def check_fit(model: nn.Module, weights: Mapping[str, Tensor], path: object) -> None:
    """Refuse weights that are not a model's, or that no results could be computed with.

    Raises
    ------
    CheckpointError
        Naming the file and the entry.
    """
    own = own_values(model)
    _check_names(own, weights, path)
    for name, value in own.items():
        if weights[name].shape != value.shape:
            raise CheckpointError(
                f"Expected {shortened(name)} of shape {tuple(value.shape)}; got {tuple(weights[name].shape)} in {shown(path)}. "
                "Build the model with the checkpoint's width and classes."
            )
        _check_kind(name, value, weights[name], path)
        _check_values(model, name, value, weights[name], path)
    _check_ties(own, weights, path)


def _check_names(own: Mapping[str, Tensor], weights: Mapping[str, Tensor], path: object) -> None:
    missing = [name for name in own if name not in weights]
    surplus = [name for name in weights if name not in own]
    if missing or surplus:
        name = (missing or surplus)[0]
        known = [other for other in (surplus if missing else own) if len(other) <= MAX_HINT][:1000]
        hint = near_matches(name, known) if known and len(name) <= MAX_HINT else ""
        raise CheckpointError(
            f"The weights in {shown(path)} are not this model's: {len(missing)} missing, {len(surplus)} unexpected, "
            f"for example {shortened(name)}. {hint if len(hint) <= MAX_HINT else f'{hint[:MAX_HINT]}...'}"
        )


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
