"""Count where a descent waits for the GPU: each time the CPU asks for a number, and launches nothing meanwhile.

On a GPU PyTorch tells it (``torch.cuda.set_sync_debug_mode``). On a CPU the calls are counted that would wait on a GPU: a number
of a tensor, the places of a mask, indexing by a mask, and a copy to the CPU.
"""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from stir.inversion.problem import InversionProblem

WAITING = ("aten::_local_scalar_dense", "aten::nonzero", "aten::masked_select", "aten::unique", "aten::equal")
INDEXING = ("aten::index", "aten::index_put", "aten::index_put_")
COPYING = ("tolist", "cpu", "numpy")


@dataclass
class Count:
    """Synchronisations so far."""

    synchronisations: int = 0


@contextmanager
def counted(device: torch.device) -> Iterator[Count]:
    """Count synchronisations in a block."""
    with _told_by_cuda() if device.type == "cuda" else _calls_that_would_wait() as count:
        yield count


def per_evaluation(device: torch.device, invert: Callable[[], Any]) -> float:
    """Return the synchronisations per evaluation of a batch, from the first evaluation of the descent to the last."""
    with counted(device) as count:
        at: list[int] = []
        evaluate = InversionProblem.errors_and_gradients

        def noting(*arguments: Any) -> Any:
            at.append(count.synchronisations)
            return evaluate(*arguments)

        with patch.object(InversionProblem, "errors_and_gradients", noting):
            invert()
    # The evaluations before the descent check the model, and rows that end are measured: the median leaves both out.
    gaps = sorted(later - earlier for earlier, later in pairwise(at))
    return float(gaps[len(gaps) // 2])


@contextmanager
def _told_by_cuda() -> Iterator[Count]:
    count = Count()

    def told(message: Any, *_arguments: Any, **_keywords: Any) -> None:
        count.synchronisations += "synchroniz" in str(message)

    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = told
        torch.cuda.set_sync_debug_mode("warn")
        try:
            yield count
        finally:
            torch.cuda.set_sync_debug_mode("default")


@contextmanager
def _calls_that_would_wait() -> Iterator[Count]:
    mode = _Counting()
    originals = {name: getattr(Tensor, name) for name in COPYING}

    def copying(name: str) -> Callable[..., Any]:
        def copy(*arguments: Any, **keywords: Any) -> Any:
            mode.count.synchronisations += 1
            return originals[name](*arguments, **keywords)

        return copy

    with mode, patch.multiple(Tensor, **{name: copying(name) for name in COPYING}):
        yield mode.count


class _Counting(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.count = Count()

    def __torch_dispatch__(self, call: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = call._schema.name
        by_mask = name in INDEXING and any(i is not None and i.dtype in (torch.bool, torch.uint8) for i in args[1])
        # A single number is written by a mask without looking for its places.
        fills = by_mask and len(args) > 2 and args[2].numel() == 1
        self.count.synchronisations += name in WAITING or (by_mask and not fills)
        return call(*args, **(kwargs or {}))
