"""Trace a model's forward pass while other threads call models."""

import threading
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
        with _TRACING:
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
        return super().getattr(attr, attr_val, parameter_proxy_cache)
