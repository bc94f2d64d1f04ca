"""Decide which files may be removed: names prove nothing, and others may need files behind a link."""

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from stir.files import is_temporary
from stir.names import WRITABLE, is_inside, shortened
from stir_workflow.cache.inventory import ARTIFACT, Entry
from stir_workflow.running.clones import NOTE, sharers
from stir_workflow.store.artifacts import is_ours
from stir_workflow.store.quarantine import QUARANTINE
from stir_workflow.store.survey import artifact_of

UNPROVED = "it does not provably belong to this project: it has no valid seal of its own in the folder of its stage"
_SET_ASIDE = re.compile(r"\A(?P<name>.+)\.(?P<number>\d+)(\.json)?\Z", re.DOTALL)


def why_left(entry: Entry) -> str | None:
    """Return the reason why an entry must be kept, or None if it may be removed."""
    for file in entry.files:
        if problem := why_not_here(file):
            return problem
    return None if _is_proved(entry) else UNPROVED


def why_not_here(file: Path) -> str | None:
    """Return the reason why files at a location must be kept, or None if they may be removed."""
    if not is_inside(file):
        return "it lies outside data/ and results/"
    if link := next((folder for folder in _folders(file) if folder.is_symlink()), None):
        return f"it is behind the link {link}, where others may need it"
    top = next(top for top in WRITABLE if _lexical(file).is_relative_to(top.absolute()))
    if others := sharers(top):
        return f"{top}/ is shared with {', '.join(map(shortened, others))}, which may need it ({top / NOTE} names them)"
    return None


def _lexical(path: Path) -> Path:
    """Return a path without ``..``, without following links."""
    return Path(os.path.abspath(path))  # noqa: PTH100


def _folders(file: Path) -> Iterator[Path]:
    """Yield the folders between the current one and a file."""
    here = Path.cwd()
    return (here.joinpath(folder) for folder in _lexical(file).relative_to(here).parents if folder != Path())


def _is_proved(entry: Entry) -> bool:
    """Return whether there is evidence besides its name that this project made a file."""
    path = entry.path
    if entry.kind == ARTIFACT:
        return is_ours(path)
    if entry.kind == "lone seal":
        return is_ours(path.with_name(path.name.removesuffix(".json")))
    if entry.kind == "snapshot":
        return is_ours(artifact_of(path))
    if entry.kind == "set aside":
        return _was_ours(path)
    return entry.kind == "temporary" and is_temporary(path.name)


def _was_ours(path: Path) -> bool:
    """Return whether a quarantined file has a valid seal for its original name."""
    match = _SET_ASIDE.match(path.name)
    if match is None or path.parent.name != QUARANTINE:
        return False
    seal = path.with_name(f"{match['name']}.{match['number']}.json")
    return is_ours(path.parent.parent / match["name"], seal)


def apart(entries: Iterable[Entry]) -> tuple[list[Entry], list[tuple[Entry, str]]]:
    """Split entries into those that may be removed, and those that are kept, with the reasons."""
    reasons = [(entry, why_left(entry)) for entry in entries]
    return [entry for entry, reason in reasons if reason is None], [(entry, reason) for entry, reason in reasons if reason]
