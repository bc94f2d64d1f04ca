"""Sort the files in artifact folders: artifacts, files that belong to them, and other files."""

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from stir.errors import ArtifactError
from stir_workflow.store.artifacts import seal_path, sealed_recipe
from stir_workflow.store.places import KEYED, SUFFIXES, stage_of_place
from stir_workflow.store.quarantine import QUARANTINE
from stir_workflow.store.stamps import STAMP, stands_for

ARTIFACT = re.compile(rf"{KEYED}({'|'.join(map(re.escape, sorted(set(SUFFIXES.values()))))})$")
SEAL = re.compile(rf"{ARTIFACT.pattern.removesuffix('$')}\.json$")
SNAPSHOT = re.compile(r"^\.(?P<artifact>.+)\.snapshot(\.part|\.pictures)?\.tmp$")
TEMPORARY = re.compile(r"^\..*\.tmp(\.\w+)?$")


@dataclass
class Survey:
    """Files by kind."""

    artifacts: list[Path] = field(default_factory=list)
    """With a valid seal for their name beside them."""
    bad_seals: list[Path] = field(default_factory=list)
    """Named like artifacts and in the folder of a stage, but with an invalid seal beside them."""
    ill_sealed: list[Path] = field(default_factory=list)
    """The same outside the folder of a stage: probably files of the user."""
    unsealed: list[Path] = field(default_factory=list)
    """Named like artifacts, but without a seal."""
    lone_seals: list[Path] = field(default_factory=list)
    """Seals without an artifact."""
    unclaimed: list[Path] = field(default_factory=list)
    """Other files beside artifacts, which no stamp represents."""
    set_aside: list[Path] = field(default_factory=list)
    """Files in quarantine, including seals."""
    snapshots: list[Path] = field(default_factory=list)
    """States of interrupted work, and files that belong to them."""
    temporary: list[Path] = field(default_factory=list)
    """Files that are being written, or were left by a kill."""


def survey(paths: Iterable[Path]) -> Survey:
    """Treat the given files as artifacts, and sort the files in the given folders.

    Only seals and stamps are read. Other files are sorted by their names, which prove nothing.
    """
    found = Survey()
    for path in paths:
        if path.is_dir() and not seal_path(path).is_file():
            for folder, names in _walk(path):
                _sort(folder, names, found)
        else:
            found.artifacts.append(path)
    claimed = {file for path in found.artifacts if path.suffix == STAMP for file in stands_for(path)}
    claimed = {Path(os.path.normpath(file)) for file in claimed}
    found.unclaimed = [path for path in found.unclaimed if Path(os.path.normpath(path)) not in claimed]
    return found


def sealed_files(paths: Iterable[Path]) -> list[Path]:
    """Return the given files, and the files in the given folders that have a seal and are not in quarantine."""
    return survey(paths).artifacts


def artifact_of(snapshot: Path) -> Path:
    """Return the artifact that a snapshot belongs to."""
    match = SNAPSHOT.match(snapshot.name)
    return snapshot.with_name(match["artifact"]) if match else snapshot


def _walk(top: Path) -> Iterator[tuple[Path, set[str]]]:
    """Yield each folder once, with the names in it; links that lead out of the first folder are not followed."""
    seen: set[str] = set()
    inside = os.path.realpath(top)
    for folder, folders, files in os.walk(top, followlinks=True):
        names = {*files, *folders}
        real = os.path.realpath(folder)
        if real in seen or not Path(real).is_relative_to(inside):
            folders.clear()
            continue
        folders.sort()
        seen.add(real)
        yield Path(folder), names


def _sort(folder: Path, names: set[str], found: Survey) -> None:
    holds_artifacts = re.search(f"{KEYED}$", folder.name) or any(ARTIFACT.search(name) for name in names)
    for name in sorted(names):
        path = folder / name
        if QUARANTINE in folder.parts:
            found.set_aside += [] if path.is_dir() else [path]
        elif ARTIFACT.search(name) and f"{name}.json" in names:
            _sealed_as(path, found).append(path)
        elif path.is_dir():
            continue
        elif name.startswith("."):
            kind = found.snapshots if SNAPSHOT.match(name) else found.temporary if TEMPORARY.match(name) else []
            kind.append(path)
        elif SEAL.search(name):
            found.lone_seals += [] if name.removesuffix(".json") in names else [path]
        elif ARTIFACT.search(name):
            found.unsealed.append(path)
        elif holds_artifacts:
            found.unclaimed.append(path)


def _sealed_as(path: Path, found: Survey) -> list[Path]:
    """Return the list that a file belongs to according to its seal."""
    try:
        sealed_recipe(path)
    except ArtifactError:
        return found.bad_seals if stage_of_place(path) else found.ill_sealed
    return found.artifacts
