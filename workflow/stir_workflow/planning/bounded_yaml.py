"""YAML that others wrote: how large, how deep and of what a file may be, said once, before anything is built from it."""

import codecs
import os
import re
import stat
import unicodedata
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.events import AliasEvent, CollectionEndEvent, CollectionStartEvent, Event, NodeEvent, ScalarEvent

from stir.errors import StirError
from stir.names import shortened

MOST_BYTES = 2**18
MOST_NODES = 20_000
"""Keys, values, lists and mappings; an alias counts as all that it stands for."""
DEEPEST = 20
LONGEST = 2_000
"""Characters of one key or value, so that no integer has more digits than Python reads."""
TEXT_TAG = "tag:yaml.org,2002:str"


class ExperimentError(StirError, ValueError):
    """An experiment file that cannot be run as it stands."""


def read_yaml(path: Path) -> Any:
    """Read one document of YAML 1.2, in which 1e-3 is a number and a repeated key is an error.

    Raises
    ------
    ExperimentError
        If it is no such file, is too large, too deep or has tags; with the line, in one line.
    """
    text = _text(path)
    try:
        _check_bounds(YAML(typ="safe", pure=True).parse(text))
        with warnings.catch_warnings(action="ignore"):  # a file may say that it is of YAML 1.1
            content = YAML(typ="safe", pure=True).load(text)
    except MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise ExperimentError(f"{path}: {line}{_one_line(error.problem or error.context)}") from None
    except Exception as error:  # the parser has its own ways of failing: a date of 31 February, a version of YAML
        raise ExperimentError(f"{path}: not YAML: {_one_line(error)}") from None
    for problem in _no_plain_text(content, ""):
        raise ExperimentError(f"{path}: {problem}")
    return content


def _text(path: Path) -> str:
    """Read a file of text; neither a pipe, which may never say anything, nor a device, which may never end."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ExperimentError(f"{path}: expected a file that can be read; got: {reason}") from None
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise ExperimentError(f"{path}: expected a file of YAML; got a folder, a pipe or a device")
        with open(handle, "rb", closefd=False) as file:
            raw = file.read(MOST_BYTES + 1)
    finally:
        os.close(handle)
    if len(raw) > MOST_BYTES:
        raise ExperimentError(f"{path}: expected at most {MOST_BYTES:,} bytes of YAML; got more")
    encoding = "utf-16" if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError as error:
        raise ExperimentError(f"{path}: not YAML: expected text in UTF-8; got {error.reason} at byte {error.start}") from None


def _one_line(said: object) -> str:
    """Return the first line of what the parser says, which may quote the file."""
    text = "".join(letter if letter.isprintable() else "\ufffd" for letter in re.split(r"[\r\n]", str(said).strip())[0])
    return text if len(text) <= 200 else f"{text[:200]}..."


@dataclass
class _Open:
    """A list or mapping that has not ended."""

    anchor: str | None
    nodes_before: int
    height: int = 1


def _check_bounds(events: Iterable[Event]) -> None:
    """Refuse what would be too large or too deep, were it built: aliases count as what they stand for."""
    sizes: dict[str, tuple[int, int]] = {}  # anchor -> nodes, height
    stack: list[_Open] = []
    nodes = 0
    for event in events:
        if isinstance(event, CollectionEndEvent):
            ended = stack.pop()
            _note(sizes, ended.anchor, nodes - ended.nodes_before, ended.height)
            if stack:
                stack[-1].height = max(stack[-1].height, ended.height + 1)
        if not isinstance(event, NodeEvent):
            continue
        _check_node(event, sizes, stack)
        more, height = sizes.get(event.anchor, (1, 0)) if isinstance(event, AliasEvent) else (1, 0)
        if isinstance(event, CollectionStartEvent):
            stack.append(_Open(event.anchor, nodes))
        elif stack:
            stack[-1].height = max(stack[-1].height, height + 1)
        if isinstance(event, ScalarEvent):
            _note(sizes, event.anchor, 1, 0)
        nodes += more
        if nodes > MOST_NODES:
            raise _refused(event, f"expected at most {MOST_NODES:,} keys and values, aliases counted as what they stand for")
        if len(stack) + height > DEEPEST:
            raise _refused(event, f"expected lists and mappings at most {DEEPEST} deep")


def _check_node(event: NodeEvent, sizes: dict[str, tuple[int, int]], stack: list[_Open]) -> None:
    if isinstance(event, AliasEvent):
        if any(opened.anchor == event.anchor for opened in stack):
            raise _refused(event, f"the anchor {shortened(event.anchor)} contains itself")
        return
    if event.anchor is not None and (event.anchor in sizes or any(opened.anchor == event.anchor for opened in stack)):
        raise _refused(event, f"the anchor {shortened(event.anchor)} is given twice")
    tag = getattr(event, "tag", None)
    if tag is not None and not (tag == TEXT_TAG and isinstance(event, ScalarEvent)):
        raise _refused(event, f"expected plain values; got the tag {shortened(tag)}, which means nothing here")
    if isinstance(event, ScalarEvent) and len(event.value) > LONGEST:
        raise _refused(event, f"expected keys and values of at most {LONGEST:,} characters; got {len(event.value):,}")


def _note(sizes: dict[str, tuple[int, int]], anchor: str | None, nodes: int, height: int) -> None:
    if anchor is not None:
        sizes[anchor] = nodes, height


def _refused(event: Event, problem: str) -> MarkedYAMLError:
    return MarkedYAMLError(problem=problem, problem_mark=event.start_mark)


def _no_plain_text(value: Any, place: str) -> Iterator[str]:
    """Find keys that are no text, and control characters, which names of files and messages are not to have."""
    if isinstance(value, str) and any(unicodedata.category(letter) in ("Cc", "Cs") for letter in value if letter not in "\n\t"):
        yield f"{place or 'the file'}: expected text without control characters; got {shortened(value)}"
    for key, inner in value.items() if isinstance(value, dict) else ():
        if not (isinstance(key, str) and key.isprintable()):
            yield f"{place or 'the file'}: expected keys of plain text; got {shortened(key)}"
        else:
            yield from _no_plain_text(inner, f"{place}.{key}" if place else key)
    for number, inner in enumerate(value if isinstance(value, list) else ()):
        yield from _no_plain_text(inner, f"{place}[{number}]")
