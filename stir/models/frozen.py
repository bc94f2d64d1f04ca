"""Borrow a model for measurement, and give it back as it was found.

Whatever happens meanwhile: an exception, an interrupt at any instruction, another thread that wants the same model.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from stir.models import true_float32

Result = TypeVar("Result")

_IN_USE: dict[object, tuple[int, frozenset[int]]] = {}
"""Who has borrowed which modules: thread, ids of modules. Models can share modules, so a model has no lock of its own."""
_CLAIMING = threading.Lock()
WAIT = 0.002
"""Seconds between two looks at a model that another thread has. `threading.Condition` would not survive an interrupt."""


@dataclass(frozen=True, eq=False)
class Spy:
    """A hook of this library: removed when the model is given back, however the work ended."""

    tell: Callable[..., None]

    def __call__(self, *arguments: Any) -> None:
        """Look at a call; change nothing."""
        self.tell(*arguments)


class Buffers:
    """The buffers of a model, to be put back after a forward pass that changes them."""

    def __init__(self, model: nn.Module) -> None:
        self._found = [
            (module, name, buffer, buffer.detach().clone())
            for module in model.modules()
            for name, buffer in module.named_buffers(recurse=False)
            if not buffer.is_inference()
        ]
        self._versions = {id(buffer): buffer._version for _, _, buffer, _ in self._found}

    def restore(self, *, every: bool = False) -> None:
        """Put back those that were written into, or that others took the place of.

        Parameters
        ----------
        every : bool
            Put back all, also those whose version does not tell: batch normalisation writes without counting.
        """
        for module, name, buffer, content in self._found:
            if getattr(module, name, None) is not buffer:
                setattr(module, name, buffer)
            if every or buffer._version != self._versions[id(buffer)]:
                with torch.no_grad():
                    buffer.copy_(content)
                self._versions[id(buffer)] = buffer._version


class _Borrowed:
    """A model in use by one thread: what it was like, and the way back."""

    def __init__(self, model: nn.Module) -> None:
        self._model, self._taken = model, False
        self._grad = torch.is_grad_enabled()
        self._autocast = [(kind, torch.is_autocast_enabled(kind)) for kind in ("cpu", "cuda")]

    def take(self) -> None:
        """Wait for other threads, note everything, then freeze; autocast and TensorFloat-32 are off."""
        modules = list(self._model.modules())
        _claim(self, modules)
        self._modes = [(module, module.training) for module in modules]
        self._wants = [(parameter, parameter.requires_grad) for parameter in self._model.parameters()]
        self._hooks = [(module, set(module._forward_hooks), set(module._forward_pre_hooks)) for module in modules]
        self._swapped = _inference_tensors(modules)
        self._buffers = Buffers(self._model)
        self._taken = True
        self._model.eval()
        for parameter, want in self._wants:
            if want and not parameter.is_inference():
                parameter.requires_grad_(False)
        for table, name, _, ordinary in self._swapped:
            table[name] = ordinary
        for kind, enabled in self._autocast:
            if enabled:
                torch.set_autocast_enabled(kind, False)
        true_float32.hold(self)

    def give_back(self) -> None:
        """Undo everything; a second time does no harm, since an interrupt may have cut the first short."""
        if self._taken:
            for module, mode in self._modes:
                module.training = mode
            for parameter, want in self._wants:
                if parameter.requires_grad != want:
                    parameter.requires_grad_(want)
            for table, name, tensor, _ in self._swapped:
                table[name] = tensor
            self._buffers.restore(every=True)
            for module, *known in self._hooks:
                _remove_spies(module, *known)
            self._taken = False
        true_float32.release(self)
        # From here on another thread may have it.
        _IN_USE.pop(self, None)
        for kind, enabled in self._autocast:
            torch.set_autocast_enabled(kind, enabled)
        torch.set_grad_enabled(self._grad)


def _claim(borrower: object, modules: list[nn.Module]) -> None:
    mine, thread = frozenset(map(id, modules)), threading.get_ident()
    while True:
        with _CLAIMING:
            if not any(who != thread and mine & theirs for who, theirs in list(_IN_USE.values())):
                _IN_USE[borrower] = thread, mine
                return
        time.sleep(WAIT)


def _remove_spies(module: nn.Module, after: set[int], before: set[int]) -> None:
    for hooks, known in ((module._forward_hooks, after), (module._forward_pre_hooks, before)):
        for number in [number for number, hook in hooks.items() if number not in known and isinstance(hook, Spy)]:
            hooks.pop(number, None)


def _inference_tensors(modules: list[nn.Module]) -> list[tuple[Any, str, Tensor, Tensor]]:
    """Find parameters and buffers made in inference mode, which autograd does not take, with ordinary copies of them."""
    copies: dict[int, Tensor] = {}
    found = []
    for module in modules:
        for table in (module._parameters, module._buffers):
            for name, tensor in list(table.items()):
                if tensor is not None and tensor.is_inference():
                    copy = copies.setdefault(id(tensor), tensor.clone())
                    is_parameter = isinstance(tensor, nn.Parameter)
                    found.append((table, name, tensor, nn.Parameter(copy, requires_grad=False) if is_parameter else copy))
    return found


def lend(model: nn.Module, use: Callable[[], Result]) -> Result:
    """Call a function while a model is frozen: in eval mode, without parameter gradients, for this thread alone.

    Afterwards the mode of every submodule, ``requires_grad`` of every parameter, the content of every buffer and
    all hooks are as before, also after an exception or an interrupt at any place. Gradients that were there stay.
    Autocast, inference mode and TensorFloat-32 are left meanwhile, so that results do not depend on them.

    Parameters
    ----------
    model : torch.nn.Module
        Another thread that borrows it, or a model that shares a module with it, waits.
    use : callable
        What to do with it.
    """
    leaving = torch.inference_mode(False) if torch.is_inference_mode_enabled() else nullcontext()
    with leaving:
        borrowed = _Borrowed(model)
        try:
            try:
                borrowed.take()
                return use()
            finally:
                borrowed.give_back()
        finally:
            # An interrupt can come in the first line of a function, before any protection that it sets up.
            borrowed.give_back()


@contextmanager
def frozen(model: nn.Module) -> Iterator[nn.Module]:
    """Freeze a model as `lend` does, for a block; an interrupt while the block is left can be a moment late in undoing it."""
    borrowed = _Borrowed(model)
    try:
        borrowed.take()
        yield model
    finally:
        borrowed.give_back()
