"""How deep in a network each layer lies, and which layers everything passes through."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves
from torch.utils.weak import WeakTensorKeyDictionary

# Attention is one function with a projection at either end.
STEPS = {functional.linear: 1, functional.multi_head_attention_forward: 2}
STEPS |= dict.fromkeys((functional.conv1d, functional.conv2d, functional.conv3d), 1)


@dataclass(frozen=True)
class Path:
    """How the image reaches a tensor."""

    depth: int
    """Convolutions and linear layers on the longest way."""
    through: frozenset[str]
    """Layers on every way."""


class _Following(TorchFunctionMode):
    """Follow what depends on the image through a forward pass."""

    def __init__(self, image: Tensor) -> None:
        super().__init__()
        self.paths = WeakTensorKeyDictionary()
        self.paths[image] = Path(0, frozenset())

    def of(self, values: Any) -> Path | None:
        """Return how the image reaches the tensors in a structure; None if it does not."""
        found = [self.paths[value] for value in tree_leaves(values) if isinstance(value, Tensor) and value in self.paths]
        if not found:
            return None
        return Path(max(path.depth for path in found), frozenset.intersection(*(path.through for path in found)))

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        path = self.of((args, kwargs))
        output = func(*args, **(kwargs or {}))
        if path is not None:
            after = Path(path.depth + STEPS.get(func, 0), path.through)
            self.paths.update({value: after for value in tree_leaves(output) if isinstance(value, Tensor)})
        return output

    def passing(self, output: Any, name: str) -> Any:
        """Note that the image passed a layer, in a tensor of its own: what enters an identity leaves it, too."""
        path = self.of(output)
        if path is None or not isinstance(output, Tensor):
            return output
        own = output.view_as(output)
        self.paths[own] = Path(path.depth, path.through | {name})
        return own


@dataclass(frozen=True)
class Depths:
    """Of one network; a depth is relative to that of the network's output, so between 0 and 1."""

    of_layer: dict[str, float]
    """Of the output of every layer that is called once and gives one tensor, in the order in which they end."""
    of_input: dict[str, float]
    """Of what these layers take."""
    of_penultimate: float | None
    """Of the input of the last linear layer; None if there is none."""
    blocks: tuple[str, ...]
    """Layers that everything passes through, the outermost of each depth, by depth."""


@torch.no_grad()
def follow(model: nn.Module, image: Tensor, *, wholes: Iterable[str] = ("",)) -> Depths:
    """Find how deep the layers of a network lie: convolutions and linear layers on the longest way from the image.

    Parameters
    ----------
    model : torch.nn.Module
        In eval mode; its tensors may have shapes alone (device ``"meta"``).
    image : Float[Tensor, "n c h w"]
        What it takes.
    wholes : iterable of str
        Names of modules that are the network itself, so no layers of it.
    """
    following, calls = _Following(image), Counter[str]()
    penultimate: Path | None = None
    found: dict[str, Path] = {}
    taken: dict[str, Path] = {}

    def note(name: str, module: nn.Module, inputs: tuple[Any, ...], output: Any) -> Any:
        nonlocal penultimate
        if isinstance(module, nn.Linear):
            penultimate = following.of(inputs) or penultimate
        if (path := following.of(inputs)) is not None:
            taken[name] = path
        output = following.passing(output, name)
        calls[name] += 1
        if isinstance(output, Tensor) and (path := following.of(output)) is not None:
            found[name] = path
        return output

    layers = {name: module for name, module in model.named_modules() if name not in wholes}
    hooks = [module.register_forward_hook(partial(note, name)) for name, module in layers.items()]
    try:
        with following:
            whole = following.of(model(image))
    finally:
        for hook in hooks:
            hook.remove()
    assert whole is not None
    once = {name: path for name, path in found.items() if calls[name] == 1}
    blocks = {path.depth: name for name, path in once.items() if name in whole.through and path.depth > 0}
    return Depths(
        of_layer={name: path.depth / whole.depth for name, path in once.items()},
        of_input={name: path.depth / whole.depth for name, path in taken.items() if calls[name] == 1},
        of_penultimate=None if penultimate is None else penultimate.depth / whole.depth,
        blocks=tuple(blocks.values()),
    )
