"""The tensors within nested mappings of a file, by dotted names."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from stir.errors import CheckpointError
from stir.models.messages import one_line
from stir.models.stored import ARRAYS, UNREADABLE, StandIn, Stored, StoredArray, array_of
from stir.models.torch_files import Content
from stir.names import shortened

MAX_NESTING = 40
"""Of mappings within mappings, and of modules within a pickled model."""
MAX_LISTED = 100
"""Longer lists are no lists of models."""
MAX_VISITED = 200_000
MAX_OTHERS = 1000
"""Values that are no tensors, remembered for messages."""
MAX_CHARACTERS = 100 * 2**20
"""Of all names together."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A tensor of a file."""

    value: Tensor | Stored | StoredArray | StandIn
    container: str
    """Dotted name of the mapping that it lies in; empty for the outermost one."""
    content: Content
    """Of the file that it lies in."""

    def load(self, name: str) -> Tensor:
        """Return the tensor.

        Raises
        ------
        CheckpointError
            If it is of a kind that is not read, or impossible.
        """
        if isinstance(self.value, Tensor):
            return self.value
        if isinstance(self.value, StandIn):
            raise CheckpointError(f"holds, at {shortened(name)}, {UNREADABLE[self.value.name]}.")
        try:
            return self.value.load(self.content.read)
        except RuntimeError as error:
            raise CheckpointError(f"holds, at {shortened(name)}, no possible tensor ({one_line(error)}).") from error

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the tensor."""
        return () if isinstance(self.value, StandIn) else tuple(self.value.shape)


def flattened(content: Content) -> tuple[dict[str, Entry], dict[str, str]]:
    """Return the tensors of a file by their dotted names, those of pickled models by the names of their parameters.

    The second is the type of each of the first other values, by its name.

    Raises
    ------
    CheckpointError
        If there are none, or there is too much.
    """
    found: dict[str, Entry] = {}
    others: dict[str, str] = {}
    characters = 0
    for visited, (name, value, container) in enumerate(_walked(content.tree, "", "", 0, is_model=False)):
        if visited > MAX_VISITED or (characters := characters + len(name)) > MAX_CHARACTERS:
            raise CheckpointError(f"holds far more than state dicts (over {MAX_VISITED:,} values). Save one state dict alone.")
        tensor = _as_tensor(value)
        if tensor is None or not name:
            if not isinstance(value, dict) and len(others) < MAX_OTHERS:
                others[name] = _type_of(value)
        elif name in found:
            raise CheckpointError(f"has two tensors of one name, {shortened(name)}. Save model.state_dict() alone.")
        else:
            found[name] = Entry(tensor, container, content)
    return found, others


def _type_of(value: Any) -> str:
    if isinstance(value, StandIn):
        return value.name.replace(" ", ".")
    return "Tensor" if isinstance(value, Tensor | Stored) else type(value).__name__


def _as_tensor(value: Any) -> Tensor | Stored | StoredArray | StandIn | None:
    if isinstance(value, Tensor | Stored):
        return value
    if isinstance(value, StandIn) and value.name in ARRAYS:
        return array_of(value)
    return value if isinstance(value, StandIn) and value.name in UNREADABLE else None


def _walked(node: Any, name: str, container: str, depth: int, *, is_model: bool) -> Iterator[tuple[str, Any, str]]:
    """Go through whatever is within mappings, lists and pickled models; all of a model is one container."""
    yield name, node, container
    inner, inner_is_model = _items(node)
    if depth > MAX_NESTING:
        return
    place = container if is_model and inner_is_model else name
    for key, value in inner.items():
        if isinstance(key, int):
            key = str(key)
        if not isinstance(key, str):
            yield name, value, container
        else:
            yield from _walked(value, f"{name}.{key}" if name else key, place, depth + 1, is_model=inner_is_model)


def _items(node: Any) -> tuple[Mapping[Any, Any], bool]:
    """Return what is within a value, and whether that is a pickled model."""
    if isinstance(node, dict):
        return node, False
    if isinstance(node, list | tuple) and len(node) <= MAX_LISTED:
        return {str(number): value for number, value in enumerate(node)}, False
    if not isinstance(node, StandIn):
        return {}, False
    state = node.state
    if isinstance(state, dict) and all(isinstance(state.get(part), dict) for part in ("_parameters", "_buffers", "_modules")):
        return {**state["_parameters"], **state["_buffers"], **state["_modules"]}, True
    return node.items or {}, False
