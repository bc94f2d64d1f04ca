"""Trace a model's forward pass while other threads call models; what cannot be traced is called as it is."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import fx, nn

_TRACING = threading.Lock()
"""One thread traces at a time."""


class ThreadTracer(fx.Tracer):
    """A tracer that leaves other threads alone: tracing replaces the call of every module in the process."""

    def __init__(self) -> None:
        super().__init__()
        self._thread = threading.get_ident()

    def trace_model(self, model: nn.Module) -> fx.Graph:
        """Return the graph of a model; raises whatever keeps it from being traced."""
        with _TRACING, _attributes_kept(model):
            return self.trace(model)

    def call_module(self, m: nn.Module, forward: Any, args: Any, kwargs: Any) -> Any:
        """Trace a call of this thread, and let one of another thread pass."""
        if threading.get_ident() != self._thread:
            return forward(*args, **kwargs)
        return self.call_own_module(m, forward, args, kwargs)

    def call_own_module(self, m: nn.Module, forward: Any, args: Any, kwargs: Any) -> Any:
        """Trace a call of the thread that traces."""
        return super().call_module(m, forward, args, kwargs)

    def getattr(self, attr: str, attr_val: Any, parameter_proxy_cache: dict[str, Any]) -> Any:
        """Return an attribute of a module, as it is in another thread."""
        if threading.get_ident() != self._thread:
            return attr_val
        return self.own_attribute(attr, attr_val, parameter_proxy_cache)

    def own_attribute(self, attr: str, attr_val: Any, parameter_proxy_cache: dict[str, Any]) -> Any:
        """Return an attribute for the thread that traces."""
        return super().getattr(attr, attr_val, parameter_proxy_cache)


class OpaqueTracer(ThreadTracer):
    """A tracer that goes on after a module that it cannot follow: the graph calls that module as it is."""

    def __init__(self) -> None:
        super().__init__()
        self.opaque: dict[str, str] = {}
        """Dotted name of each such module, and why it cannot be followed."""
        self._parameters: dict[str, fx.Proxy] = {}

    def must_be_followed(self, m: nn.Module) -> bool:  # noqa: ARG002
        """Return whether a module is of no use if it is called as it is."""
        return False

    def call_own_module(self, m: nn.Module, forward: Any, args: Any, kwargs: Any) -> Any:
        """Trace a call; where that fails, or leaves no trace, call the module as it is."""
        before, depth = len(self.graph.nodes), len(self.module_stack)
        try:
            output = super().call_own_module(m, forward, args, kwargs)
        except Exception as error:
            if self.must_be_followed(m):
                raise
            self.opaque.setdefault(self.path_of_module(m), f"{type(error).__name__}: {error}".splitlines()[0].split(". ")[0])
        else:
            # A module that looks for a type, and finds none in a proxy, gives back what it took: torchvision's transforms.
            if not args or output is not args[0] or self.must_be_followed(m):
                return output
        self._forget(before, depth)
        return self.create_proxy("call_module", self.path_of_module(m), args, kwargs)

    def own_attribute(self, attr: str, attr_val: Any, parameter_proxy_cache: dict[str, Any]) -> Any:
        """Return an attribute, and know where proxies of parameters are kept."""
        self._parameters = parameter_proxy_cache
        return super().own_attribute(attr, attr_val, parameter_proxy_cache)

    def _forget(self, nodes: int, depth: int) -> None:
        """Take back what was traced since there were so many nodes."""
        since = list(self.graph.nodes)[nodes:]
        for name in [name for name, proxy in self._parameters.items() if proxy.node in since]:
            del self._parameters[name]
        for node in reversed(since):
            self.graph.erase_node(node)
        while len(self.module_stack) > depth:
            self.module_stack.popitem()


def has_hooks(module: nn.Module) -> bool:
    """Return whether others look at, or change, what a module is given or gives."""
    return bool(module._forward_hooks or module._forward_pre_hooks or module._backward_hooks or module._backward_pre_hooks)


@contextmanager
def _attributes_kept(model: nn.Module) -> Iterator[None]:
    """Undo what modules set on themselves while they are traced: proxies in place of tensors. The root holds constants."""
    found = [(vars(module), dict(vars(module))) for module in model.modules() if module is not model]
    try:
        yield
    finally:
        for attributes, before in found:
            for name in attributes.keys() - before.keys():
                del attributes[name]
            attributes.update(before)
