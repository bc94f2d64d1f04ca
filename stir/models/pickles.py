"""What a pickle of a state dict would make, found out without making anything.

`torch.load` with ``weights_only`` runs no code of the file's, but trusts it in other ways: a few bytes can ask for any
amount of memory, and a storage can be said to be longer than it is. So instructions are followed here first, on stand-ins.
"""

import pickletools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO, Any

from stir.errors import CheckpointError
from stir.names import shortened

MAX_STEPS = 2_000_000
"""Instructions, and what they copy; a state dict of 20,000 tensors takes 1.2 million."""
MAX_DEPTH = 100
"""Of tuples within tuples: Python hashes them recursively, without a limit."""
BUILDERS = {f"torch._utils _rebuild_{name}" for name in ("tensor", "tensor_v2", "tensor_v3", "parameter", "parameter_with_state")}
OF_TEXT = {"_codecs encode", "builtins bytearray", "__builtin__ bytearray"}
"""They make bytes of a text, in Latin-1; other codecs could double what they are given, again and again."""
CALLED = (
    BUILDERS
    | OF_TEXT
    | {
        *("torch._tensor _rebuild_from_type_v2", "torch.nn.parameter Parameter", "torch Size", "torch device"),
        *("collections OrderedDict", "collections Counter", "builtins set", "__builtin__ set", "builtins complex"),
        "__builtin__ complex",
    }
)
SPECIAL = {
    "torch._utils _rebuild_sparse_tensor": "a sparse tensor; store it dense (value.to_dense())",
    "torch._utils _rebuild_qtensor": "a quantised tensor; store it dequantised (value.dequantize())",
    "torch._utils _rebuild_meta_tensor_no_storage": "a meta tensor, which has no values; save the model after its weights are loaded",
    "torch._utils _rebuild_nested_tensor": "a nested tensor; store plain ones",
    "torch._utils _rebuild_wrapper_subclass": "a tensor of a special class; store plain ones",
    "torch._utils _rebuild_device_tensor_from_numpy": "a tensor of a special device; store it from the CPU (value.cpu())",
    "torch._utils _rebuild_device_tensor_from_cpu_tensor": "a tensor of a special device; store it from the CPU (value.cpu())",
}
ITEM_BYTES = {
    **{name: 1 for name in ("Untyped", "Byte", "Char", "Bool", "QInt8", "QUInt8", "QUInt4x2", "QUInt2x4")},
    **{"Short": 2, "Half": 2, "BFloat16": 2, "Int": 4, "Float": 4, "QInt32": 4, "Long": 8, "Double": 8},
    **{"ComplexFloat": 8, "ComplexDouble": 16},
}
NEEDLESS_CODE = "Save model.state_dict() where the file comes from, best as safetensors."


@dataclass(slots=True)
class _Made:
    """Stands for what an instruction makes."""

    value: Any = None
    """A number or a text as it is; the name of a global."""
    parts: "tuple[_Made, ...]" = ()
    """Of a tuple."""
    size: int = 1
    """Entries or characters."""
    depth: int = 0


class Rehearsal:
    """Follows the pickles of one file, and adds up what they would take.

    Parameters
    ----------
    held : mapping, optional
        Bytes of each storage that the file holds; None where they follow the pickles.
    most : int
        Bytes of all storages together that the file can hold.
    """

    def __init__(self, held: Mapping[str, int] | None, most: int) -> None:
        self.held, self.most = held, most
        self.steps = 0
        self.promised: dict[object, int] = {}
        self.text = self.entry = ""

    def follow(self, file: IO[bytes]) -> None:
        """Follow one pickle to its end.

        Raises
        ------
        CheckpointError
            If it would run code, is broken, or makes much more than its size.
        """
        self.stack: list[_Made] = []
        self.marked: list[list[_Made]] = []
        self.memo: dict[int, _Made] = {}
        try:
            for instruction, argument, _ in pickletools.genops(file):
                self._spend(1)
                self._step(instruction, argument)
        except CheckpointError:
            raise
        except (ValueError, IndexError, KeyError, TypeError, AttributeError, UnicodeError) as error:
            raise CheckpointError(
                f"is cut or damaged ({shortened(str(error))}). Get it again, and compare its SHA-256."
            ) from error

    def _spend(self, steps: int) -> None:
        self.steps += steps
        if self.steps > MAX_STEPS:
            raise CheckpointError(
                f"would unpack to far more than a state dict (over {MAX_STEPS:,} steps), so it is refused. {NEEDLESS_CODE}"
            )

    def _step(self, instruction: Any, argument: Any) -> None:
        stack = self.stack
        match instruction.name:
            case "PROTO" | "STOP":
                pass
            case "MARK":
                self.marked.append(stack)
                self.stack = []
            case "GLOBAL":
                self._push(self._named(argument))
            case "EMPTY_DICT" | "EMPTY_LIST" | "EMPTY_SET" | "EMPTY_TUPLE":
                self._push(_Made(size=0))
            case "NONE" | "NEWFALSE" | "NEWTRUE" | "BININT" | "BININT1" | "BININT2" | "BINFLOAT" | "LONG1":
                self._push(_Made(argument))
            case "BINUNICODE" | "SHORT_BINSTRING":
                self._push(_Made(argument, size=len(argument)))
            case "BINGET" | "LONG_BINGET":
                self._push(self.memo[argument])
            case "BINPUT" | "LONG_BINPUT":
                self.memo[argument] = stack[-1]
            case "TUPLE":
                self._tuple(tuple(self._since_mark()))
            case "TUPLE1" | "TUPLE2" | "TUPLE3":
                parts = [stack.pop() for _ in range(int(instruction.name[-1]))]
                self._tuple(tuple(parts[::-1]))
            case "APPENDS" | "SETITEMS":
                items = self._since_mark()
                self.stack[-1].size += len(items)
            case "APPEND":
                stack.pop()
                stack[-1].size += 1
            case "SETITEM":
                del stack[-2:]
                stack[-1].size += 1
            case "REDUCE" | "NEWOBJ":
                arguments, called = stack.pop(), stack.pop()
                self._push(self._call(called, arguments.parts))
            case "BUILD":
                self._spend(stack.pop().size)
            case "BINPERSID":
                self._push(self._storage(stack.pop().parts))
            case other:
                raise CheckpointError(
                    f"is a pickle with the instruction {other}, which weights are not loaded from (written with another "
                    "pickle_protocol than 2, or not by torch.save). Save it with torch.save as it is, best as safetensors."
                )

    def _push(self, made: _Made) -> None:
        if isinstance(made.value, _Global):
            self.entry = self.text if made.value in BUILDERS else self.entry
        elif isinstance(made.value, str):
            self.text = made.value
        self.stack.append(made)

    def _since_mark(self) -> list[_Made]:
        items, self.stack = self.stack, self.marked.pop()
        return items

    def _tuple(self, parts: tuple[_Made, ...]) -> None:
        depth = 1 + max((part.depth for part in parts), default=0)
        if depth > MAX_DEPTH:
            raise CheckpointError(f"nests tuples more than {MAX_DEPTH} deep, so it is refused. {NEEDLESS_CODE}")
        self.stack.append(_Made(parts=parts, size=len(parts), depth=depth))

    def _named(self, argument: str) -> _Made:
        module, _, name = argument.partition(" ")
        if argument in SPECIAL:
            raise CheckpointError(f"holds, at {shortened(self.text)}, {SPECIAL[argument]}.")
        if argument not in CALLED and not (module in ("torch", "torch.storage") and _is_of_torch(name)):
            raise CheckpointError(
                f"is not a plain state dict: loading it would run code, so it is refused ({shortened(f'{module}.{name}')} "
                f"after {shortened(self.text)}). {NEEDLESS_CODE}"
            )
        return _Made(_Global(argument))

    def _call(self, called: _Made, parts: tuple[_Made, ...]) -> _Made:
        name = called.value
        from_type = name == "torch._tensor _rebuild_from_type_v2" and parts[0].value not in BUILDERS
        if not isinstance(name, _Global) or name not in CALLED or from_type:
            raise CheckpointError(f"is not a plain state dict: it calls {shortened(name)}, so it is refused. {NEEDLESS_CODE}")
        if name in OF_TEXT and (len(parts) != 2 or parts[1].value not in ("latin1", "latin-1")):
            raise CheckpointError(f"encodes a text other than in Latin-1, so it is refused. {NEEDLESS_CODE}")
        size = sum(part.size for part in parts)
        self._spend(size)
        return _Made(size=size)

    def _storage(self, parts: tuple[_Made, ...]) -> _Made:
        """Compare what a storage is said to hold with what there is."""
        _, kind, key, _, count = [part.value for part in parts[:5]]
        promised = count * ITEM_BYTES[str(kind).partition(" ")[2].removesuffix("Storage")]
        held = self.most if self.held is None else self.held[key]
        self.promised[key] = max(promised, self.promised.get(key, 0))
        if not 0 <= promised <= held or (self.held is None and sum(self.promised.values()) > self.most):
            raise CheckpointError(
                f"promises {promised:,} bytes at {shortened(self.entry)}, and holds {held:,} at most: it is cut or altered. "
                "Get it again, and compare its SHA-256."
            )
        return _Made()


class _Global(str):
    """Tells the name of a global from a text of the same letters."""


def _is_of_torch(name: str) -> bool:
    """Return whether a name is one of torch's that is data: a storage's, a dtype, a class that tensors have."""
    import torch

    return (
        name in ("Tensor", "strided")
        or name.removesuffix("Storage") in ITEM_BYTES
        or isinstance(getattr(torch, name, None), torch.dtype)
    )
