"""True float32 on GPUs while models are measured.

PyTorch's convolutions there multiply float32 in TensorFloat-32 by default, which has 10 bits: representations, inversion errors
and scores would differ from a CPU's by 1e-3, and a folded model from the model as given by more than what is let pass.
"""

import threading
from typing import Any

import torch

_LOCK = threading.Lock()
_HOLDERS: set[object] = set()
_FOUND: list[tuple[Any, str, Any]] = []
"""The settings, which are those of the whole process, as they were before the first holder."""


def hold(holder: object) -> None:
    """Multiply float32 in float32 until every holder has released it."""
    with _LOCK:
        if not _HOLDERS:
            # Not a comprehension here: since Python 3.12, a trace function that raises in one would leave the lock taken.
            _FOUND[:] = _as_found()
            for place, name, exact in _settings():
                setattr(place, name, exact)
        _HOLDERS.add(holder)


def release(holder: object) -> None:
    """Put the settings back if no holder is left; a second time does no harm."""
    with _LOCK:
        _HOLDERS.discard(holder)
        if not _HOLDERS:
            for place, name, value in _FOUND:
                setattr(place, name, value)
            _FOUND.clear()


def _as_found() -> list[tuple[Any, str, Any]]:
    return [(place, name, getattr(place, name)) for place, name, _ in _settings()]


def _settings() -> list[tuple[Any, str, Any]]:
    """Return where PyTorch keeps each setting, its name, and the value that stands for float32."""
    cudnn, products = torch.backends.cudnn, torch.backends.cuda.matmul
    if hasattr(cudnn, "conv"):
        # Since PyTorch 2.9, where reading the older ones fails once a program has set these.
        return [(place, "fp32_precision", "ieee") for place in (cudnn.conv, cudnn.rnn, products)]
    return [(place, "allow_tf32", False) for place in (cudnn, products)]
