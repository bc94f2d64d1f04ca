"""Let convolutions pad with zeros themselves: the same values without a copy of what is padded."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import fx, nn

from stir.models.tracing import has_hooks

MODULES = (nn.ZeroPad1d, nn.ZeroPad2d, nn.ZeroPad3d, nn.ConstantPad1d, nn.ConstantPad2d, nn.ConstantPad3d)
CONVOLUTIONS = {nn.Conv1d: 1, nn.Conv2d: 2, nn.Conv3d: 3, torch.conv1d: 1, torch.conv2d: 2, torch.conv3d: 3}
"""Modules of exactly these types, and functions -> their dimensions of space."""
ARGUMENTS = ("input", "weight", "bias", "stride", "padding", "dilation", "groups")


def merge_padding(part: fx.GraphModule) -> None:
    """Move padding that is alike on both sides into the convolution that alone reads it, in place."""
    for node in list(part.graph.nodes):
        padding, users = _zeros(part, node), list(node.users)
        if padding is None or len(users) != 1 or users[0].args[:1] != (node,):
            continue
        if padding[::2] == padding[1::2] and _pads_itself(part, users[0], padding[-2::-2]):
            node.replace_all_uses_with(node.args[0])
            part.graph.erase_node(node)
    part.recompile()


def _zeros(part: fx.GraphModule, node: fx.Node) -> list[int] | None:
    """Return how many zeros a node adds before and behind each dimension, the last first; None if it does something else."""
    if node.op == "call_module":
        module: Any = part.get_submodule(str(node.target))
        if type(module) not in MODULES or module.value != 0 or has_hooks(module):
            return None
        padding = module.padding
    elif node.op == "call_function" and node.target is nn.functional.pad:
        given = dict(zip(("input", "pad", "mode", "value"), node.args, strict=False)) | dict(node.kwargs)
        if given.get("mode", "constant") != "constant" or given.get("value") not in (None, 0):
            return None
        padding = given["pad"]
    else:
        return None
    return _counts(padding)


def _counts(padding: Any) -> list[int] | None:
    """Return padding as a list of numbers that are known, none of which cuts."""
    known = isinstance(padding, Sequence) and all(isinstance(count, int) and count >= 0 for count in padding)
    return list(padding) if known and not isinstance(padding, str) else None


def _pads_itself(part: fx.GraphModule, node: fx.Node, more: list[int]) -> bool:
    """Let a convolution pad by so much more in each dimension of space; return whether it can."""
    if node.op == "call_module":
        module: Any = part.get_submodule(str(node.target))
        alone = sum(other.target == node.target for other in part.graph.nodes if other.op == "call_module") == 1
        own = _counts(getattr(module, "padding", None))
        if CONVOLUTIONS.get(type(module)) != len(more) or not alone or own is None or module.padding_mode != "zeros":
            return False
        if has_hooks(module):
            return False
        module.padding = tuple(a + b for a, b in zip(own, more, strict=True))
        return True
    if node.op != "call_function" or CONVOLUTIONS.get(node.target) != len(more):
        return False
    given: dict[str, Any] = dict(zip(ARGUMENTS, node.args, strict=False)) | dict(node.kwargs)
    own = given.get("padding", 0)
    own = _counts([own] * len(more) if isinstance(own, int) else own)
    if own is None or len(own) != len(more):
        return False
    given["padding"] = tuple(a + b for a, b in zip(own, more, strict=True))
    node.args = (node.args[0],)
    node.kwargs = {name: value for name, value in given.items() if name != "input"}
    return True
