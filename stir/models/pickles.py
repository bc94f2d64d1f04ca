"""Read a pickle without making anything of it but plain values.

Instructions are followed here, one by one, and not by Python's or PyTorch's unpickler: numbers, texts, lists and mappings are
made as they are, tensors become `Stored`, and whatever else the pickle names or calls becomes a `StandIn`. Nothing is imported
or called, and nothing is copied, so that a pickle takes no more than its length and `MAX_STEPS` allow.
"""

import contextlib
import pickletools
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sized
from typing import IO, Any

from stir.errors import CheckpointError
from stir.models.stored import CALLS, DTYPES, FROM_TYPE, Global, StandIn, Storage, keyed
from stir.names import shortened

MAX_STEPS = 2_000_000
"""Instructions, and what they copy; a state dict of 20,000 tensors takes 1.2 million."""
MAX_STAND_INS = 500_000
MAX_NAMED = 1000
"""Classes and functions that are remembered by name, to say what was left out."""
NEEDLESS_CODE = "Save model.state_dict() where the file comes from, best as safetensors."


@contextlib.contextmanager
def damage() -> Iterator[None]:
    """Say of whatever a broken pickle raises what it means."""
    try:
        yield
    except CheckpointError:
        raise
    except (ValueError, IndexError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise CheckpointError(f"is cut or damaged ({shortened(str(error))}). Get it again, and compare its SHA-256.") from error


class Unpickling:
    """Reads the pickles of one file.

    Parameters
    ----------
    held : mapping, optional
        Bytes of each storage that the file holds; None where they follow the pickles.
    most : int
        Bytes of all storages together that the file can hold.
    """

    def __init__(self, held: Mapping[str, int] | None, most: int) -> None:
        self.held, self.most = held, most
        self.storages: dict[str, Storage] = {}
        self.left_out: dict[str, None] = {}
        """Names of what stand-ins stand for, in order."""
        self._steps = self._stand_ins = self._promised = 0
        self._texts: deque[str] = deque(maxlen=3)
        self._entry = ""

    def follow(self, file: IO[bytes]) -> Any:
        """Return what one pickle holds.

        Raises
        ------
        CheckpointError
            If it is broken, or makes much more than its size.
        """
        self._stack: list[Any] = []
        self._marked: list[list[Any]] = []
        self._memo: dict[int, Any] = {}
        with damage(), warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of backslashes in names of classes
            for instruction, argument, _ in pickletools.genops(file):
                self._spend(1)
                if instruction.name not in STEPS:
                    raise CheckpointError(
                        f"is a pickle with the instruction {instruction.name}, which weights are not loaded from (written with "
                        "another pickle_protocol than 2 to 5, or not by torch.save). Save it with torch.save as it is."
                    )
                STEPS[instruction.name](self, argument)
            return self._stack.pop()

    def _spend(self, steps: int) -> None:
        self._steps += steps
        if self._steps > MAX_STEPS:
            raise CheckpointError(
                f"would unpack to far more than a state dict (over {MAX_STEPS:,} steps), so it is refused. {NEEDLESS_CODE}"
            )

    def _push(self, value: Any) -> None:
        if isinstance(value, Global):
            self._entry = self._texts[-1] if value in CALLS and self._texts else self._entry
        elif isinstance(value, str):
            self._texts.append(value)
        self._stack.append(value)

    def _ignore(self, _argument: object) -> None:
        """Take no notice of what only tells a reader how to read."""

    def _mark(self, _argument: object) -> None:
        self._marked.append(self._stack)
        self._stack = []

    def _since_mark(self, _argument: object = None) -> list[Any]:
        items, self._stack = self._stack, self._marked.pop()
        return items

    def _recall(self, argument: int) -> None:
        self._push(self._memo[argument])

    def _remember(self, argument: int) -> None:
        self._memo[argument] = self._stack[-1]

    def _memoize(self, _argument: object) -> None:
        self._memo[len(self._memo)] = self._stack[-1]

    def _add_to_list(self, items: list[Any]) -> None:
        """Stand-ins for lists, sets and others keep no items."""
        if isinstance(self._stack[-1], list):
            self._stack[-1].extend(items)
        elif not isinstance(self._stack[-1], StandIn):
            raise ValueError("items of no list")

    def _add_pairs(self, items: list[Any]) -> None:
        made = self._stack[-1]
        if isinstance(made, StandIn):
            made.items = {} if made.items is None else made.items
        into = made.items if isinstance(made, StandIn) else made
        if not isinstance(into, dict) or len(items) % 2:
            raise ValueError("items of no mapping")
        into.update((keyed(key), value) for key, value in zip(items[::2], items[1::2], strict=True))

    def _last(self, count: int) -> list[Any]:
        if len(self._stack) < count:
            raise ValueError("an instruction without its values")
        items = self._stack[-count:]
        del self._stack[-count:]
        return items

    def _drop(self, _argument: object) -> None:
        self._last(1)

    def _drop_to_mark(self, _argument: object) -> None:
        self._since_mark()

    def _add_named_global(self, _argument: object) -> None:
        module, name = self._last(2)
        if not isinstance(module, str) or not isinstance(name, str):
            raise ValueError("a class without a name")
        for _ in range(min(2, len(self._texts))):
            self._texts.pop()
        self._push(Global(f"{module} {name}"))

    def _build(self, _argument: object) -> None:
        (state,) = self._last(1)
        if isinstance(self._stack[-1], StandIn):
            self._stack[-1].state = state

    def _call(self, _argument: object) -> None:
        called, arguments = self._last(2)
        if not isinstance(arguments, tuple):
            raise ValueError("a call without arguments")
        if called == FROM_TYPE and isinstance(arguments[0], Global):
            called, arguments = arguments[0], arguments[2]
        if isinstance(called, Global) and called in CALLS:
            self._spend(sum(len(each) for each in arguments if isinstance(each, Sized)))
            self._push(CALLS[called](*arguments))
        else:
            known = isinstance(called, StandIn)
            name = called.name if known else str(called) if isinstance(called, Global) else type(called).__name__
            self._stand_in(name, arguments)

    def _call_with_names(self, _argument: object) -> None:
        self._last(1)
        self._call(None)

    def _stand_in(self, name: str, arguments: Any = ()) -> None:
        self._stand_ins += 1
        if self._stand_ins > MAX_STAND_INS:
            raise CheckpointError(f"holds more than {MAX_STAND_INS:,} objects that are no weights. {NEEDLESS_CODE}")
        if len(self.left_out) < MAX_NAMED:
            self.left_out[name] = None
        self._push(StandIn(name, arguments))

    def _add_storage(self, _argument: object) -> None:
        """Compare what a storage is promised to hold with what there is."""
        (identifier,) = self._last(1)
        if identifier[0] == "module":
            return self._stand_in("a class of a pickled model")
        what, kind, key, _, count = identifier[:5]
        kind = kind.partition(" ")[2].removesuffix("Storage") if isinstance(kind, Global) else None
        if what != "storage" or not isinstance(key, str) or type(count) is not int or kind not in DTYPES or any(identifier[5:]):
            raise ValueError("a storage of an unknown kind")
        storage = Storage(key, kind, count)
        known = self.storages.setdefault(key, storage)
        if known != storage:
            raise ValueError("one storage of two kinds")
        held = self.most if self.held is None else self.held[key]
        self._promised += 0 if known is not storage else storage.n_bytes
        if not 0 <= storage.n_bytes <= held or self._promised > self.most:
            raise CheckpointError(
                f"promises {storage.n_bytes:,} bytes at {shortened(self._entry)}, and holds {held:,} at most: it is cut or "
                "altered. Get it again, and compare its SHA-256."
            )
        return self._push(storage)


Step = Callable[[Unpickling, Any], None]
NUMBERS = ("BININT", "BININT1", "BININT2", "BINFLOAT", "LONG1", "LONG4")
BYTES = ("BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8")
TEXTS = ("BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "SHORT_BINSTRING", "BINSTRING")
STEPS: dict[str, Step] = {
    **dict.fromkeys(("PROTO", "FRAME", "STOP"), Unpickling._ignore),
    **dict.fromkeys((*NUMBERS, *BYTES, *TEXTS), Unpickling._push),
    "NONE": lambda reading, _: reading._push(None),
    "NEWTRUE": lambda reading, _: reading._push(True),
    "NEWFALSE": lambda reading, _: reading._push(False),
    "EMPTY_DICT": lambda reading, _: reading._push({}),
    "EMPTY_LIST": lambda reading, _: reading._push([]),
    "EMPTY_TUPLE": lambda reading, _: reading._push(()),
    "EMPTY_SET": lambda reading, _: reading._stand_in("builtins set"),
    "FROZENSET": lambda reading, _: reading._stand_in("builtins frozenset", tuple(reading._since_mark())),
    "MARK": Unpickling._mark,
    "POP": Unpickling._drop,
    "POP_MARK": Unpickling._drop_to_mark,
    "DUP": lambda reading, _: reading._push(reading._stack[-1]),
    "GLOBAL": lambda reading, argument: reading._push(Global(argument)),
    "STACK_GLOBAL": Unpickling._add_named_global,
    **dict.fromkeys(("BINGET", "LONG_BINGET"), Unpickling._recall),
    **dict.fromkeys(("BINPUT", "LONG_BINPUT"), Unpickling._remember),
    "MEMOIZE": Unpickling._memoize,
    "TUPLE": lambda reading, _: reading._push(tuple(reading._since_mark())),
    "TUPLE1": lambda reading, _: reading._push(tuple(reading._last(1))),
    "TUPLE2": lambda reading, _: reading._push(tuple(reading._last(2))),
    "TUPLE3": lambda reading, _: reading._push(tuple(reading._last(3))),
    **dict.fromkeys(("APPENDS", "ADDITEMS"), lambda reading, _: reading._add_to_list(reading._since_mark())),
    "APPEND": lambda reading, _: reading._add_to_list(reading._last(1)),
    "SETITEMS": lambda reading, _: reading._add_pairs(reading._since_mark()),
    "SETITEM": lambda reading, _: reading._add_pairs(reading._last(2)),
    **dict.fromkeys(("REDUCE", "NEWOBJ"), Unpickling._call),
    "NEWOBJ_EX": Unpickling._call_with_names,
    "BUILD": Unpickling._build,
    "BINPERSID": Unpickling._add_storage,
}
"""What is done at each instruction; those of protocols 0 and 1 are left out."""
