"""Tensors that lie in a file, and stand-ins for whatever else a pickle names; nothing is imported or called for them."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

DTYPES = {
    **{"Byte": torch.uint8, "Char": torch.int8, "Bool": torch.bool, "Short": torch.int16, "Half": torch.float16},
    **{"BFloat16": torch.bfloat16, "Int": torch.int32, "Float": torch.float32, "Long": torch.int64, "Double": torch.float64},
    **{"ComplexFloat": torch.complex64, "ComplexDouble": torch.complex128},
    **dict.fromkeys(("Untyped", "QInt8", "QUInt8", "QUInt4x2", "QUInt2x4"), torch.uint8),
    "QInt32": torch.int32,
}
"""Numbers of a storage of PyTorch, by its name; those of quantised tensors are counted only."""
UNREADABLE = {
    "torch._utils _rebuild_sparse_tensor": "a sparse tensor; store it dense (value.to_dense())",
    "torch._utils _rebuild_qtensor": "a quantised tensor; store it dequantised (value.dequantize())",
    "torch._utils _rebuild_meta_tensor_no_storage": "a meta tensor, which has no values; save the model once it has some",
    "torch._utils _rebuild_nested_tensor": "a nested tensor; store plain ones",
    "torch._utils _rebuild_wrapper_subclass": "a tensor of a special class; store plain ones",
    "torch._utils _rebuild_device_tensor_from_numpy": "a tensor of a special device; store it from the CPU (value.cpu())",
    "torch._utils _rebuild_device_tensor_from_cpu_tensor": "a tensor of a special device; store it from the CPU (value.cpu())",
    "conjugate": "a conjugate or negative view; store its values (value.resolve_conj().resolve_neg())",
}
"""Tensors that are not read, and what to do about them."""
MAX_DIMENSIONS = 64
ARRAYS = {f"{module}.multiarray _reconstruct" for module in ("numpy.core", "numpy._core")}
KINDS_OF_NUMPY = {"f", "i", "u", "b", "c"}


class Global(str):
    """Names a class or function, as ``"module name"``; tells it from a text of the same letters."""

    __slots__ = ()


@dataclass(slots=True, eq=False)
class StandIn:
    """Stands for an object that is not made: its class or function by name, and what it was given."""

    name: str
    arguments: Any = ()
    state: Any = None
    """What its attributes would be."""
    items: dict[Any, Any] | None = None
    """Of a class that is a mapping."""


@dataclass(frozen=True, slots=True)
class Storage:
    """Names numbers of a file that tensors share."""

    key: str
    kind: str
    count: int

    @property
    def dtype(self) -> torch.dtype:
        """Of the numbers."""
        return DTYPES[self.kind]

    @property
    def n_bytes(self) -> int:
        """That the numbers take."""
        return self.count * self.dtype.itemsize


Read = Callable[[Storage], Tensor]
"""Returns the bytes of a storage."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A tensor that has not been read yet."""

    storage: Storage
    dtype: torch.dtype
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]

    def __post_init__(self) -> None:
        numbers = (self.offset, *self.shape, *self.stride)
        if len(self.shape) != len(self.stride) or not all(type(each) is int and 0 <= each < 2**48 for each in numbers):
            raise ValueError("a tensor of an impossible shape")
        last = self.offset + sum((size - 1) * step for size, step in zip(self.shape, self.stride, strict=True))
        if 0 not in self.shape and (last + 1) * self.dtype.itemsize > self.storage.n_bytes:
            raise ValueError("a tensor beyond its storage")

    def load(self, read: Read) -> Tensor:
        """Return the tensor."""
        content = read(self.storage)
        numbers = content != 0 if self.dtype is torch.bool else content.view(self.dtype)
        return numbers.as_strided(self.shape, self.stride, self.offset)


@dataclass(frozen=True, slots=True)
class StoredArray:
    """A NumPy array within a pickle."""

    dtype: torch.dtype
    shape: tuple[int, ...]
    order: str
    content: bytes

    def load(self, read: Read) -> Tensor:  # noqa: ARG002
        """Return the array as a tensor."""
        flat = torch.frombuffer(bytearray(self.content), dtype=self.dtype) if self.content else torch.empty(0, dtype=self.dtype)
        return flat.view(self.shape[::-1]).permute(*range(len(self.shape))[::-1]) if self.order == "F" else flat.view(self.shape)


def tensor(storage: Storage, offset: int, shape: Any, stride: Any, *more: Any) -> Stored | StandIn:
    """Stand in for `torch._utils._rebuild_tensor` and `_rebuild_tensor_v2`."""
    return _tensor(storage, storage.dtype, offset, shape, stride, more[2:3])


def tensor_of(storage: Storage, offset: int, shape: Any, stride: Any, *more: Any) -> Stored | StandIn:
    """Stand in for `torch._utils._rebuild_tensor_v3`, which names the type of numbers."""
    dtype = getattr(torch, more[2].removeprefix("torch "), None)
    if not isinstance(more[2], Global) or not isinstance(dtype, torch.dtype):
        raise ValueError("a tensor of an unknown type")
    return _tensor(storage, dtype, offset, shape, stride, more[3:4])


def _tensor(storage: Storage, dtype: torch.dtype, offset: int, shape: Any, stride: Any, metadata: Any) -> Stored | StandIn:
    if metadata and metadata[0]:
        return StandIn("conjugate")
    if not isinstance(storage, Storage) or max(len(shape), len(stride)) > MAX_DIMENSIONS:
        raise ValueError("a tensor without a storage, or of too many dimensions")
    return Stored(storage, dtype, offset, tuple(shape), tuple(stride))


def of_parameter(data: Any, *_more: Any) -> Any:
    """Stand in for `torch._utils._rebuild_parameter` and `torch.nn.Parameter`: its data."""
    return data


def ordered(*pairs: Any) -> dict[Any, Any]:
    """Stand in for `collections.OrderedDict`, which old versions of Python give its items as a list."""
    return {keyed(key): value for key, value in pairs[0]} if pairs else {}


def keyed(key: Any) -> Any:
    """Return what a mapping has for a key: nothing whose hash takes long, or that many others have, too."""
    scalar = str | bytes | bool | float | None
    if isinstance(key, tuple):
        return key if len(key) <= 8 and all(isinstance(each, scalar) or _is_small(each) for each in key) else StandIn("tuple")
    return key if isinstance(key, scalar) or _is_small(key) else StandIn(type(key).__name__)


def _is_small(value: Any) -> bool:
    return type(value) is int and -(2**63) <= value < 2**63


CALLS: Mapping[str, Callable[..., Any]] = {
    "torch._utils _rebuild_tensor": tensor,
    "torch._utils _rebuild_tensor_v2": tensor,
    "torch._utils _rebuild_tensor_v3": tensor_of,
    "torch._utils _rebuild_parameter": of_parameter,
    "torch._utils _rebuild_parameter_with_state": of_parameter,
    "torch.nn.parameter Parameter": of_parameter,
    "torch Size": lambda sizes=(): tuple(sizes),
    "collections OrderedDict": ordered,
    "collections defaultdict": lambda *_factory: {},
}
"""What is made here of a call in a pickle, by the name of what would be called."""
FROM_TYPE = "torch._tensor _rebuild_from_type_v2"
"""Calls its first argument with its third, for tensors of a class."""


def array_of(made: StandIn) -> StoredArray | None:
    """Return the NumPy array that a stand-in stands for; None if it is none, or one of objects."""
    if made.name not in ARRAYS or not isinstance(made.state, tuple) or len(made.state) != 5:
        return None
    _, shape, kind, is_fortran, content = made.state
    if isinstance(content, StandIn) and content.name == "_codecs encode" and content.arguments[1:] == ("latin1",):
        content = content.arguments[0].encode("latin1")
    if not (isinstance(kind, StandIn) and kind.name == "numpy dtype" and isinstance(content, bytes)):
        return None
    dtype = _dtype_of_numpy(kind)
    sizes = isinstance(shape, tuple) and len(shape) <= 32 and all(type(size) is int and 0 <= size < 2**48 for size in shape)
    if dtype is None or not sizes or math.prod(shape) * dtype.itemsize != len(content):
        return None
    return StoredArray(dtype, shape, "F" if is_fortran else "C", content)


def _dtype_of_numpy(kind: StandIn) -> torch.dtype | None:
    """Return the type of numbers of a pickled `numpy.dtype` in this machine's order of bytes."""
    import numpy as np

    code = kind.arguments[0] if isinstance(kind.arguments, Sequence) and kind.arguments else None
    big = isinstance(kind.state, tuple) and len(kind.state) > 1 and kind.state[1] == ">"
    if not isinstance(code, str) or len(code) > 3 or code[:1] not in KINDS_OF_NUMPY or big:
        return None
    try:
        return torch.from_numpy(np.empty(0, dtype=code)).dtype
    except TypeError:
        return None
