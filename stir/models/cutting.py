"""Cut a model at a layer: the part of it that leads there, as a graph."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import fx, nn

from stir.models.tracing import OpaqueTracer


@dataclass(frozen=True)
class Part:
    """The part of a model that leads to a layer."""

    graph: fx.GraphModule
    """Its weights are shared with the model, not copied."""
    opaque: dict[str, str]
    """Modules that it calls as they are, and why they cannot be traced."""


class UntraceableError(Exception):
    """A model whose way to a layer `torch.fx` cannot follow; says why."""


class _Reached(BaseException):
    """Carries what a layer is given or gives out of the forward pass; no `except Exception` of a model keeps it."""

    def __init__(self, value: Any) -> None:
        self.value = value


class _Whole(nn.Module):
    """A model as a function of its images alone: its other arguments keep their defaults."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: Any) -> Any:
        return self.model(images)


class _CuttingTracer(OpaqueTracer):
    """Trace a forward pass until one module begins or ends."""

    def __init__(self, module: nn.Module, side: str, call: int, *, deep: bool) -> None:
        super().__init__()
        self.module, self.side, self.calls_before, self.deep = module, side, call, deep

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        """Return whether a module is not looked into; one that holds the layer is."""
        innermost = not self.deep and next(m.children(), None) is None
        return innermost or (super().is_leaf_module(m, module_qualified_name) and not self._holds(m))

    def must_be_followed(self, m: nn.Module) -> bool:
        """Return whether the layer lies inside."""
        return self._holds(m)

    def _holds(self, m: nn.Module) -> bool:
        return any(inner is self.module for inner in m.modules() if inner is not m)

    def call_own_module(self, m: nn.Module, forward: Any, args: Any, kwargs: Any) -> Any:
        """Stop where the layer is reached."""
        here = m is self.module and self.calls_before == 0
        self.calls_before -= m is self.module
        if here and self.side == "input":
            raise _Reached(next(iter((*args, *kwargs.values())), None))
        output = super().call_own_module(m, forward, args, kwargs)
        if here:
            raise _Reached(output)
        return output


def _taken(output: Any, taken: Callable[[Any], Any]) -> fx.Proxy:
    value = taken(output)
    if not isinstance(value, fx.Proxy):
        raise UntraceableError(f"the layer gives {type(value).__name__} while it is traced")
    return value


def cut(
    model: nn.Module,
    layer: str,
    side: str,
    *,
    call: int = 0,
    taken: Callable[[Any], Any] = lambda output: output,
    deep: bool = True,
) -> Part:
    """Return the part of a model that leads to a layer.

    Modules that `torch.fx` cannot follow (control flow, foreign functions) are called as they are.

    Parameters
    ----------
    model : torch.nn.Module
        A model in eval mode.
    layer : str
        Dotted name of a module; empty for the model itself.
    side : str
        ``"output"`` of that module, or its ``"input"``.
    call : int
        Which call of it, from 0.
    taken : callable
        What is taken of what it gives.
    deep : bool
        Whether modules that have no others inside are followed, too: their functions are seen, and may be mistaken,
        since a proxy is no tensor and autograd functions lose their gradients.

    Raises
    ------
    UntraceableError
        If the way to the layer cannot be followed.
    """
    whole = _Whole(model).eval()
    tracer = _CuttingTracer(model.get_submodule(layer), side, call, deep=deep)
    try:
        tracer.trace_model(whole)
    except _Reached as reached:
        value = _taken(reached.value, taken)
    except Exception as error:  # whatever keeps a model from being traced
        raise UntraceableError(f"{type(error).__name__}: {error}".splitlines()[0]) from error
    else:
        raise UntraceableError("the layer is not reached")
    tracer.graph.output(value.node)
    return Part(fx.GraphModule(whole, tracer.graph), tracer.opaque)
