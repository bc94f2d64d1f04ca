"""What a pickle of a state dict would make, found out without making anything.

`torch.load` with ``weights_only`` runs no code of the file's, but trusts it in other ways: a few bytes can ask for any
amount of memory, and a storage can be said to be longer than it is. So instructions are followed here first, on stand-ins.
"""

import contextlib
import pickletools
from collections.abc import Callable, Iterator, Mapping
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
    "torch._utils _rebuild_meta_tensor_no_storage": "a meta tensor, which has no values; save the model once it has some",
    "torch._utils _rebuild_nested_tensor": "a nested tensor; store plain ones",
    "torch._utils _rebuild_wrapper_subclass": "a tensor of a special class; store plain ones",
    "torch._utils _rebuild_device_tensor_from_numpy": "a tensor of a special device; store it from the CPU (value.cpu())",
    "torch._utils _rebuild_device_tensor_from_cpu_tensor": "a tensor of a special device; store it from the CPU (value.cpu())",
}
NUMBERS = ("NONE", "NEWFALSE", "NEWTRUE", "BININT", "BININT1", "BININT2", "BINFLOAT", "LONG1")
TEXTS = ("BINUNICODE", "SHORT_BINSTRING")
OF_LISTS = {"PROTO", "EMPTY_LIST", "BINPUT", "LONG_BINPUT", "MARK", *TEXTS, "APPEND", "APPENDS", "STOP"}
EMPTY = ("EMPTY_DICT", "EMPTY_LIST", "EMPTY_SET", "EMPTY_TUPLE")
ITEM_BYTES = {
    **dict.fromkeys(("Untyped", "Byte", "Char", "Bool", "QInt8", "QUInt8", "QUInt4x2", "QUInt2x4"), 1),
    **{"Short": 2, "Half": 2, "BFloat16": 2, "Int": 4, "Float": 4, "QInt32": 4, "Long": 8, "Double": 8},
    **{"ComplexFloat": 8, "ComplexDouble": 16},
}
NEEDLESS_CODE = "Save model.state_dict() where the file comes from, best as safetensors."


class _Global(str):
    """Tells the name of a global from a text of the same letters."""


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


@contextlib.contextmanager
def _damage() -> Iterator[None]:
    """Say of whatever a broken pickle raises what it means."""
    try:
        yield
    except CheckpointError:
        raise
    except (ValueError, IndexError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(f"is cut or damaged ({shortened(str(error))}). Get it again, and compare its SHA-256.") from error


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
        self.keys: set[str] = set()
        self.promised = 0
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
        with _damage():
            for instruction, argument, _ in pickletools.genops(file):
                self._spend(1)
                self._step(instruction.name, argument)

    def follow_list_of_storages(self, file: IO[bytes]) -> None:
        """Follow the pickle that lists which storages come after it: one that is not listed would never be filled.

        Raises
        ------
        CheckpointError
            If it is not the list of those that were promised.
        """
        with _damage():
            steps = [(instruction.name, argument) for instruction, argument, _ in pickletools.genops(file)]
            names = [name for name, _ in steps]
            listed = [argument for name, argument in steps if name in TEXTS]
            last = {"APPEND", "APPENDS"} if listed else OF_LISTS
            is_list = names[1] == "EMPTY_LIST" and names.count("EMPTY_LIST") == 1 and names[-2] in last and set(names) <= OF_LISTS
            if not is_list or len(listed) != len(self.keys) or set(listed) != self.keys:
                raise ValueError("it does not list the storages that it promises")

    def _spend(self, steps: int) -> None:
        self.steps += steps
        if self.steps > MAX_STEPS:
            raise CheckpointError(
                f"would unpack to far more than a state dict (over {MAX_STEPS:,} steps), so it is refused. {NEEDLESS_CODE}"
            )

    def _step(self, name: str, argument: Any) -> None:
        if name in NUMBERS:
            self._push(_Made(argument))
        elif name in EMPTY:
            self._push(_Made(size=0))
        elif name in STEPS:
            STEPS[name](self, argument)
        elif name not in ("PROTO", "STOP"):
            raise CheckpointError(
                f"is a pickle with the instruction {name}, which weights are not loaded from (written with another "
                "pickle_protocol than 2, or not by torch.save). Save it with torch.save as it is, best as safetensors."
            )

    def _mark(self, _argument: object) -> None:
        self.marked.append(self.stack)
        self.stack = []

    def _add_text(self, argument: str) -> None:
        self._push(_Made(argument, size=len(argument)))

    def _recall(self, argument: int) -> None:
        self._push(self.memo[argument])

    def _remember(self, argument: int) -> None:
        self.memo[argument] = self.stack[-1]

    def _add_items(self, _argument: object) -> None:
        items = self._since_mark()
        self.stack[-1].size += len(items)

    def _add_one(self, _argument: object) -> None:
        self.stack.pop()
        self.stack[-1].size += 1

    def _add_pair(self, _argument: object) -> None:
        del self.stack[-2:]
        self.stack[-1].size += 1

    def _add_last(self, count: int) -> None:
        parts = [self.stack.pop() for _ in range(count)]
        self._add_tuple(tuple(parts[::-1]))

    def _build(self, _argument: object) -> None:
        self._spend(self.stack.pop().size)

    def _push(self, made: _Made) -> None:
        if isinstance(made.value, _Global):
            self.entry = self.text if made.value in BUILDERS else self.entry
        elif isinstance(made.value, str):
            self.text = made.value
        self.stack.append(made)

    def _since_mark(self) -> list[_Made]:
        items, self.stack = self.stack, self.marked.pop()
        return items

    def _add_tuple(self, parts: tuple[_Made, ...]) -> None:
        depth = 1 + max((part.depth for part in parts), default=0)
        if depth > MAX_DEPTH:
            raise CheckpointError(f"nests tuples more than {MAX_DEPTH} deep, so it is refused. {NEEDLESS_CODE}")
        self.stack.append(_Made(parts=parts, size=len(parts), depth=depth))

    def _add_global(self, argument: str) -> None:
        module, _, name = argument.partition(" ")
        if argument in SPECIAL:
            raise CheckpointError(f"holds, at {shortened(self.text)}, {SPECIAL[argument]}.")
        if argument not in CALLED and not (module in ("torch", "torch.storage") and _is_of_torch(name)):
            raise CheckpointError(
                f"is not a plain state dict: loading it would run code, so it is refused ({shortened(f'{module}.{name}')} "
                f"after {shortened(self.text)}). {NEEDLESS_CODE}"
            )
        self._push(_Made(_Global(argument)))

    def _call(self, _argument: object) -> None:
        arguments, called = self.stack.pop(), self.stack.pop()
        name, parts = called.value, arguments.parts
        from_type = name == "torch._tensor _rebuild_from_type_v2" and parts[0].value not in BUILDERS
        if not isinstance(name, _Global) or name not in CALLED or from_type:
            raise CheckpointError(f"is not a plain state dict: it calls {shortened(name)}, so it is refused. {NEEDLESS_CODE}")
        if name in OF_TEXT and (len(parts) != 2 or parts[1].value not in ("latin1", "latin-1")):
            raise CheckpointError(f"encodes a text other than in Latin-1, so it is refused. {NEEDLESS_CODE}")
        size = sum(part.size for part in parts)
        self._spend(size)
        self._push(_Made(size=size))

    def _add_storage(self, _argument: object) -> None:
        """Compare what a storage is said to hold with what there is."""
        _, kind, key, _, count = [part.value for part in self.stack.pop().parts[:5]]
        promised = count * ITEM_BYTES[str(kind).partition(" ")[2].removesuffix("Storage")]
        held = self.most if self.held is None else self.held[key]
        self.promised += 0 if key in self.keys else promised
        self.keys.add(key)
        if not 0 <= promised <= held or self.promised > self.most:
            raise CheckpointError(
                f"promises {promised:,} bytes at {shortened(self.entry)}, and holds {held:,} at most: it is cut or altered. "
                "Get it again, and compare its SHA-256."
            )
        self._push(_Made())


STEPS: dict[str, Callable[[Rehearsal, Any], None]] = {
    "MARK": Rehearsal._mark,
    "GLOBAL": Rehearsal._add_global,
    **dict.fromkeys(TEXTS, Rehearsal._add_text),
    **dict.fromkeys(("BINGET", "LONG_BINGET"), Rehearsal._recall),
    **dict.fromkeys(("BINPUT", "LONG_BINPUT"), Rehearsal._remember),
    "TUPLE": lambda rehearsal, _: rehearsal._add_tuple(tuple(rehearsal._since_mark())),
    "TUPLE1": lambda rehearsal, _: rehearsal._add_last(1),
    "TUPLE2": lambda rehearsal, _: rehearsal._add_last(2),
    "TUPLE3": lambda rehearsal, _: rehearsal._add_last(3),
    **dict.fromkeys(("APPENDS", "SETITEMS"), Rehearsal._add_items),
    "APPEND": Rehearsal._add_one,
    "SETITEM": Rehearsal._add_pair,
    **dict.fromkeys(("REDUCE", "NEWOBJ"), Rehearsal._call),
    "BUILD": Rehearsal._build,
    "BINPERSID": Rehearsal._add_storage,
}


def _is_of_torch(name: str) -> bool:
    """Return whether a name is one of torch's that is data: a storage's, a dtype, a class that tensors have."""
    import torch

    return (
        name in ("Tensor", "strided")
        or name.removesuffix("Storage") in ITEM_BYTES
        or isinstance(getattr(torch, name, None), torch.dtype)
    )
