"""The same function in fewer steps: cut a model at a layer, fold BatchNorm into convolutions."""

import warnings
from typing import Any

import torch
from torch import fx, nn
from torch.fx.experimental.optimization import fuse

from stir.models.tracing import ThreadTracer

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


class _CuttingTracer(ThreadTracer):
    """Trace a forward pass, and note where one module begins or ends."""

    def __init__(self, module: nn.Module, side: str) -> None:
        super().__init__()
        self.module, self.side = module, side
        self.reached: fx.Node | None = None

    def call_own_module(self, m: nn.Module, forward: Any, args: Any, kwargs: Any) -> Any:
        """Note the node of the layer's input or output as it passes."""
        output = super().call_own_module(m, forward, args, kwargs)
        if m is self.module:
            proxy = next(iter((*args, *kwargs.values())), None) if self.side == "input" else output
            self.reached = proxy.node if isinstance(proxy, fx.Proxy) else None
        return output


def cut(model: nn.Module, layer: str, side: str) -> fx.GraphModule | None:
    """Return the part of a model that leads to a layer; None where it cannot be traced.

    Parameters
    ----------
    model : torch.nn.Module
        A model in eval mode; its weights are shared, not copied.
    layer : str
        Dotted name of a module.
    side : str
        ``"output"`` of that module, or its ``"input"``.
    """
    tracer = _CuttingTracer(model.get_submodule(layer), side)
    try:
        graph = tracer.trace_model(model)
    except Exception:  # control flow, foreign functions: whatever keeps a model from being traced
        return None
    if tracer.reached is None:
        return None
    for node in reversed(graph.nodes):
        if node.op == "output":
            node.args = (tracer.reached,)
    part = fx.GraphModule(tracer.root, graph)
    part.graph.eliminate_dead_code()
    part.recompile()
    return part


def folded(part: fx.GraphModule) -> fx.GraphModule:
    """Return a copy with BatchNorm folded into the convolutions before it, channels last, weights frozen."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        fused = fuse(part, no_trace=True)  # its own trace would meet other threads
    fused.eval().requires_grad_(False).to(memory_format=torch.channels_last)
    assert isinstance(fused, fx.GraphModule)
    return fused


def with_fake_last_relu(part: fx.GraphModule) -> fx.GraphModule | None:
    """Let gradients pass the last ReLU as if it were the identity; None where there is no ReLU."""
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
    return None


def _is_relu(node: fx.Node, modules: dict[str, nn.Module]) -> bool:
    if node.op == "call_module":
        return isinstance(modules[str(node.target)], nn.ReLU)
    return (node.op == "call_function" and node.target in RELU_FUNCTIONS) or (
        node.op == "call_method" and node.target in RELU_METHODS
    )
