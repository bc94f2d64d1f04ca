"""What ``extends`` and ``scales`` mean: a file is a pile of parts, each of which overrides those under it. Pure.

From below: the file that is extended, its part for the scale, the file itself, its part for the scale.
Mappings are merged, key by key; lists and values are replaced.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Any

from stir.errors import InvalidInputError, near_matches
from stir.names import shortened

OWN_KEYS = ("extends", "scale", "scales")
Place = tuple[str | int, ...]
"""Keys and list indices that lead to a value."""


@dataclass(frozen=True)
class Written:
    """A file and what it says."""

    file: Path
    content: Mapping[str, Any]


@dataclass(frozen=True)
class Part:
    """What one file says at one of its places."""

    file: Path
    within: tuple[str, ...]
    """``()``, or ``("scales", "small")``."""
    content: Mapping[str, Any]


def scale_names(pile: Sequence[Written]) -> list[str]:
    """Return the scales that any of the files knows, in the order of their first mention."""
    return list(dict.fromkeys(name for written in pile for name in written.content.get("scales", {})))


def default_scale(pile: Sequence[Written]) -> str | None:
    """Return the scale that the topmost file names which names one."""
    named = [written.content["scale"] for written in pile if "scale" in written.content]
    return named[-1] if named else None


def check_scale(pile: Sequence[Written], scale: str | None) -> None:
    """Refuse a scale that no file knows.

    Raises
    ------
    InvalidInputError
        With near matches.
    """
    names = scale_names(pile)
    if scale is not None and scale not in names:
        known = near_matches(scale, names) if names else "The experiment has no scales; leave it out."
        raise InvalidInputError(f"Unknown scale {shortened(scale)}. {known}")


def parts_of(pile: Sequence[Written], scale: str | None) -> list[Part]:
    """Return what the files say at a scale, from below.

    Parameters
    ----------
    pile : sequence of Written
        What is extended comes before what extends it.
    scale : str or None
        None where the files know no scales.
    """
    parts = []
    for written in pile:
        own = {key: value for key, value in written.content.items() if key not in OWN_KEYS}
        parts.append(Part(written.file, (), own))
        if scale in written.content.get("scales", {}):
            parts.append(Part(written.file, ("scales", str(scale)), written.content["scales"][scale]))
    return parts


def united(parts: Sequence[Part]) -> dict[str, Any]:
    """Return what all parts say together."""
    return reduce(merged, (part.content for part in parts), {})


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Return mappings merged key by key; what is no mapping on both sides is taken from above."""
    both = {
        key: merged(below[key], above[key])
        for key in below.keys() & above.keys()
        if isinstance(below[key], Mapping) and isinstance(above[key], Mapping)
    }
    return {**below, **above, **both}


def origin(parts: Sequence[Part], place: Place) -> Part:
    """Return the part that a value came from; for a value that is missing, the part that should hold it."""
    for length in range(len(place), 0, -1):
        for part in reversed(parts):
            if _has(part.content, place[:length]):
                return part
    return next(part for part in reversed(parts) if not part.within)


def _has(content: Any, place: Place) -> bool:
    for step in place:
        known = range(len(content)) if isinstance(content, list) else content if isinstance(content, Mapping) else ()
        if step not in known:
            return False
        content = content[step]
    return True
