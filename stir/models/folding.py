"""The same function in fewer steps: fold BatchNorm and zero padding into the convolutions beside them, channels last."""

import inspect
from collections.abc import Callable
from copy import deepcopy
from operator import attrgetter
from typing import Any, NamedTuple

import torch
from torch import Tensor, fx, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights, fuse_linear_bn_weights

from stir.models.padding import merge_padding
from stir.models.tracing import OpaqueTracer, has_hooks

AFFINE = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear)
NORMALISATIONS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
"""What is folded into them; modules of exactly these types, since subclasses compute something else."""
PARAMETERS = ("running_mean", "running_var", "eps", "weight", "bias")
FUNCTIONS = (torch.conv1d, torch.conv2d, torch.conv3d, nn.functional.linear)
RELU_FUNCTIONS = (torch.relu, torch.relu_, nn.functional.relu, nn.functional.relu_)
RELU_METHODS = ("relu", "relu_")


class FakeReLU(torch.autograd.Function):
    """max(x, 0) forwards, the identity backwards."""

    @staticmethod
    def forward(_context: Any, x: torch.Tensor) -> torch.Tensor:
        """Return max(x, 0)."""
        return x.clamp(min=0)

    @staticmethod
    def backward(_context: Any, gradient: torch.Tensor) -> torch.Tensor:
        """Return the gradient as it comes."""
        return gradient


class _FakeReLUModule(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return FakeReLU.apply(x)


def copied(module: nn.Module) -> Any:
    """Return a deep copy, also of modules that compute their weights (`weight_norm`, `spectral_norm`, `prune`)."""
    computed = [value for part in module.modules() for value in vars(part).values() if isinstance(value, Tensor)]
    return deepcopy(module, {id(value): value.detach().clone() for value in computed})


def folded(part: fx.GraphModule, *, inside: bool = False) -> tuple[fx.GraphModule, int]:
    """Return a copy with BatchNorm folded into what comes before it, channels last, weights frozen; and how many were folded.

    Parameters
    ----------
    part : torch.fx.GraphModule
        In eval mode.
    inside : bool
        Whether modules that the graph calls as they are get their own parts folded, too.
    """
    short = copied(part)
    n_folded = _fold(short)
    if inside:
        called = {str(node.target) for node in short.graph.nodes if node.op == "call_module"}
        n_folded += sum(_fold_inside(short.get_submodule(name)) for name in called)
    merge_padding(short)
    short = fx.GraphModule(short, short.graph).eval().requires_grad_(False)
    short._apply(lambda t: t.to(memory_format=torch.channels_last) if t.ndim == 4 else t)
    return short, n_folded


def _fold_inside(module: nn.Module) -> int:
    """Replace the parts of a module, in place, that can be traced alone and have something to fold."""
    n_folded = 0
    for name, child in list(module.named_children()):
        short = _traced_alone(child)
        n_of_child = 0 if short is None else _fold(short)
        if short is not None and n_of_child:
            module._modules[name] = fx.GraphModule(short, short.graph)
        else:
            n_of_child = _fold_inside(child)
        n_folded += n_of_child
    return n_folded


def _traced_alone(module: nn.Module) -> fx.GraphModule | None:
    if type(module) in AFFINE or has_hooks(module) or len(inspect.signature(module.forward).parameters) != 1:
        return None
    tracer = OpaqueTracer()
    try:
        return fx.GraphModule(module, tracer.trace_model(module))
    except Exception:  # whatever keeps a model from being traced
        return None


class _Normalisation(NamedTuple):
    """BatchNorm in eval mode: y = (x - mean) / sqrt(variance + eps) * weight + bias."""

    mean: Tensor
    variance: Tensor
    eps: float
    weight: Tensor
    bias: Tensor


class _Affine(NamedTuple):
    """A convolution or linear layer, and how to give it another weight and bias."""

    weight: Tensor
    bias: Tensor | None
    replace: Callable[[nn.Parameter, nn.Parameter], None]
    is_linear: bool


def _fold(part: fx.GraphModule) -> int:
    """Fold what can be folded, in place; return how many were."""
    n_folded = 0
    for node in list(part.graph.nodes):
        before = node.args[0] if node.args else None
        if not isinstance(before, fx.Node) or any(user is not node and not _looks_at_shape(user) for user in before.users):
            continue
        normalisation, affine = _normalisation(part, node), _affine(part, before)
        if normalisation is None or affine is None:
            continue
        fuse = fuse_linear_bn_weights if affine.is_linear else fuse_conv_bn_weights
        affine.replace(*fuse(affine.weight, affine.bias, *normalisation))
        node.replace_all_uses_with(before)
        part.graph.erase_node(node)
        n_folded += 1
    part.recompile()
    return n_folded


def _looks_at_shape(node: fx.Node) -> bool:
    """Return whether a node takes no values of a tensor: what an assertion before BatchNorm asks for."""
    if node.op == "call_function":
        return node.target is getattr and node.args[1] in ("shape", "ndim", "dtype", "device")
    return node.op == "call_method" and node.target in ("size", "dim")


def _normalisation(part: fx.GraphModule, node: fx.Node) -> _Normalisation | None:
    if node.op == "call_module":
        module = part.get_submodule(str(node.target))
        if type(module) not in NORMALISATIONS or has_hooks(module) or not module.track_running_stats:
            return None
        found = {name: getattr(module, name) for name in PARAMETERS}
    elif node.op == "call_function" and node.target is nn.functional.batch_norm:
        given = inspect.signature(nn.functional.batch_norm).bind(*node.args, **node.kwargs)
        given.apply_defaults()
        if given.arguments["training"] is not False:
            return None
        found = {name: _value(part, given.arguments[name]) for name in PARAMETERS}
    else:
        return None
    mean, variance, eps, weight, bias = found.values()
    if not (isinstance(mean, Tensor) and isinstance(variance, Tensor) and isinstance(eps, float)):
        return None
    weight, bias = (torch.ones_like(mean) if weight is None else weight), (torch.zeros_like(mean) if bias is None else bias)
    return _Normalisation(mean, variance, eps, weight, bias) if isinstance(weight, Tensor) and isinstance(bias, Tensor) else None


def _affine(part: fx.GraphModule, node: fx.Node) -> _Affine | None:
    if node.op == "call_module":
        module: Any = part.get_submodule(str(node.target))
        alone = sum(other.target == node.target for other in part.graph.nodes if other.op == "call_module") == 1
        if type(module) not in AFFINE or has_hooks(module) or not alone:
            return None

        def replace_of_module(weight: nn.Parameter, bias: nn.Parameter) -> None:
            module.weight, module.bias = weight, bias

        return _Affine(module.weight, module.bias, replace_of_module, isinstance(module, nn.Linear))
    if node.op != "call_function" or node.target not in FUNCTIONS or len(node.args) < 2:
        return None
    arguments = dict(zip(("input", "weight", "bias"), node.args, strict=False)) | node.kwargs
    weight, bias = _value(part, arguments["weight"]), _value(part, arguments.get("bias"))
    if not isinstance(weight, Tensor) or not (bias is None or isinstance(bias, Tensor)):
        return None

    def replace_of_function(weight: nn.Parameter, bias: nn.Parameter) -> None:
        node.args = (node.args[0], *_attributes(part, node, weight, bias), *node.args[3:])
        node.kwargs = {name: value for name, value in node.kwargs.items() if name != "bias"}

    return _Affine(weight, bias, replace_of_function, node.target is nn.functional.linear)


def _attributes(part: fx.GraphModule, node: fx.Node, weight: nn.Parameter, bias: nn.Parameter) -> list[fx.Node]:
    nodes = []
    for name, value in ((f"folded_{node.name}_weight", weight), (f"folded_{node.name}_bias", bias)):
        part.register_parameter(name, value)
        with part.graph.inserting_before(node):
            nodes.append(part.graph.get_attr(name))
    return nodes


def _value(part: fx.GraphModule, argument: Any) -> Any:
    """Return an argument's value; a node, which is neither number nor tensor, where only the forward pass tells it."""
    if isinstance(argument, fx.Node) and argument.op == "get_attr":
        return attrgetter(str(argument.target))(part)
    return argument


def with_fake_last_relu(part: fx.GraphModule) -> fx.GraphModule | None:
    """Let gradients pass the last ReLU as if it were the identity; None where there is none, or another may come after it."""
    modules = dict(part.named_modules())
    for node in reversed(part.graph.nodes):
        if _is_relu(node, modules):
            part.add_submodule("fake_relu", _FakeReLUModule())
            with part.graph.inserting_after(node):
                fake = part.graph.call_module("fake_relu", (node.args[0],))
            node.replace_all_uses_with(fake)
            part.graph.erase_node(node)
            part.recompile()
            return part
        if node.op == "call_module" and next(modules[str(node.target)].children(), None) is not None:
            return None
    return None


def _is_relu(node: fx.Node, modules: dict[str, nn.Module]) -> bool:
    if node.op == "call_module":
        return isinstance(modules[str(node.target)], nn.ReLU)
    return (node.op == "call_function" and node.target in RELU_FUNCTIONS) or (
        node.op == "call_method" and node.target in RELU_METHODS
    )
