"""What a model needs of a checkpoint: its names, and which of them a file may leave out."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from stir.errors import CheckpointError
from stir.models.normalise import Normalise
from stir.models.preprocessed import NETWORK, Preprocessed
from stir.names import shortened

WRAPPERS = frozenset(("module", "_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module", "_forward_module"))
"""Parts of names that data-parallel, compiled and other wrapped modules add, anywhere."""
NORMALISE = ("normalise.mean", "normalise.std")
COUNT = "num_batches_tracked"
MADE = frozenset(
    ("relative_position_index", "relative_coords_table", "attn_mask", "position_ids", "token_type_ids", "inv_freq", "masked_bias")
)
"""Buffers of numbers that a model makes itself: indices, masks and frequencies."""


@dataclass(frozen=True)
class OwnNames:
    """Names of a model's values, as files have them."""

    values: Mapping[str, Tensor]
    """By the model's own names."""
    by_short: dict[str, str]
    """Without wrappers, and without ``network.`` behind a normalisation -> the model's own name; in its order."""
    required: tuple[tuple[str, ...], ...]
    """Short names, of each of which tied parameters have one, that weights must have."""
    normalise: Normalise | None
    has_own_normalisation: bool
    """Whether the model knows mean and standard deviation without a file."""
    unsaved: Mapping[str, Tensor]
    """Buffers by short name that the model's own files leave out."""
    own_weights: Callable[[dict[str, str]], dict[str, str]]
    """Names of a published file by what the network calls them, without those that it lacks on purpose."""
    unwraps: bool
    """Whether names of files are to be taken without wrappers, too."""


def own_names(model: nn.Module) -> OwnNames:
    """Return what a model needs of a checkpoint.

    Raises
    ------
    CheckpointError
        If the model has values that cannot be loaded into.
    """
    values = own_values(model)
    normalise = getattr(model, "normalise", None)
    normalise = normalise if isinstance(normalise, Normalise) else None
    names = [name for name in values if normalise is None or name not in NORMALISE]
    has_network = normalise is not None and all(name.startswith(NETWORK) for name in names)
    bare = {name: name.removeprefix(NETWORK) if has_network else name for name in names}
    unwrapped = {name: without_wrappers(bare[name]) for name in names}
    unwraps = len(set(unwrapped.values())) == len(names)
    by_short = {(unwrapped if unwraps else bare)[name]: name for name in names}
    shorts = {name: short for short, name in by_short.items()}
    saved = {without_wrappers(name.removeprefix(NETWORK)) for name in names}
    unsaved = {without_wrappers(name.removeprefix(NETWORK)): buffer for name, buffer in model.named_buffers()}
    return OwnNames(
        values,
        by_short,
        tuple(tuple(shorts[name] for name in group) for group in _needed({name: values[name] for name in names})),
        normalise,
        has_network,
        {name: buffer for name, buffer in unsaved.items() if name not in saved},
        model.own_weights if isinstance(model, Preprocessed) else dict,
        unwraps,
    )


def without_wrappers(name: str) -> str:
    """Return a dotted name without the parts that wrapped modules add."""
    return ".".join(part for part in name.split(".") if part not in WRAPPERS) if any(map(name.__contains__, WRAPPERS)) else name


def _needed(values: Mapping[str, Tensor]) -> Iterable[tuple[str, ...]]:
    """Return the names that a file must have, tied ones together: all but what the model makes itself."""
    tied: dict[int, list[str]] = {}
    for name, value in values.items():
        tied.setdefault(id(value), []).append(name)
    return [tuple(group) for group in tied.values() if not any(makes_itself(name, values[name]) for name in group)]


def makes_itself(name: str, value: Tensor) -> bool:
    """Return whether a model makes a buffer itself, so that a file need not have it: counts, indices and masks."""
    last = name.rpartition(".")[2]
    is_index = not isinstance(value, nn.Parameter) and not (value.is_floating_point() or value.is_complex())
    return not isinstance(value, nn.Parameter) and (last in MADE or last == COUNT or is_index)


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


def with_what_follows(weights: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Add what need not be in a file: names of tied parameters, of which one is there, and what the model makes itself.

    Old files have no counts; they play a part only in training with ``momentum=None``. The model's own are kept.
    """
    present = {id(own[name]): name for name in weights if name in own}
    follows = {name: weights[present[id(value)]] for name, value in own.items() if name not in weights and id(value) in present}
    made = {name: value for name, value in own.items() if name not in weights and makes_itself(name, value)}
    return dict(weights) | made | follows
