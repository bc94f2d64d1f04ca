"""All entries of the cache, with kind, size, age and the experiments that need them."""

import os
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from stir.errors import ArtifactError
from stir.names import WRITABLE, is_name
from stir_workflow.store.artifacts import seal_path, sealed_recipe
from stir_workflow.store.identity import Recipe
from stir_workflow.store.places import FOLDERS, KEYED
from stir_workflow.store.stamps import STAMP, altered, stands_for
from stir_workflow.store.survey import Survey, artifact_of, survey

ARTIFACT, UNSEALED = "artifact", "unsealed"
SECONDS_A_DAY = 86_400


@dataclass(frozen=True)
class Entry:
    """An artifact with its seal and the files that it represents, or a leftover file."""

    path: Path
    kind: str
    """``artifact``, ``unsealed``, ``set aside``, ``snapshot``, ``temporary`` or ``lone seal``."""
    stage: str
    files: tuple[Path, ...]
    """All files that belong to the entry; its main file is first."""
    size: int
    modified: float
    """Modification time of its newest file, in seconds since 1970."""
    needed_by: tuple[str, ...] = ()
    experiment: str | None = None
    """The experiment that a stamp was made for."""


def inventory(needs: Mapping[str, Sequence[str]], *, now: float | None = None) -> list[Entry]:
    """Return all entries of data/ and results/ of the current folder.

    Parameters
    ----------
    needs : mapping
        Path of an artifact -> names of the experiments that need it.
    now : float, optional
        The current time; temporary files that are a day older are leftovers.
    """
    found = survey(folder for folder in WRITABLE if folder.is_dir())
    by_place = {_place(Path(path)): names for path, names in needs.items()}
    artifacts = [_artifact(path, by_place.get(_place(path), ())) for path in found.artifacts]
    return _each_file_once([*artifacts, *_others(found, by_place, time.time() if now is None else now)])


def _place(path: Path) -> str:
    """Return the location of a file, with all links in its folder resolved."""
    return os.path.join(os.path.realpath(path.parent), path.name)  # noqa: PTH118


def _others(found: Survey, needs: Mapping[str, Sequence[str]], now: float) -> Iterator[Entry]:
    for path in (*found.unsealed, *found.bad_seals):
        yield _entry(UNSEALED, [path], needs.get(_place(path), ()))
    for path in found.unclaimed:
        # Files of a missing stamp: they lie in a folder with its name.
        folder = path.parent
        if re.search(f"{KEYED}$", folder.name):
            yield _entry(UNSEALED, [path], needs.get(_place(folder.with_name(f"{folder.name}{STAMP}")), ()))
    for path in found.lone_seals:
        yield _entry("lone seal", [path], ())
    for path in found.set_aside:
        yield _entry("set aside", [path], ())
    for path in found.snapshots:
        target = artifact_of(path)
        yield _entry("snapshot", [path], () if target.is_file() else needs.get(_place(target), ()))
    for path in found.temporary:
        entry = _entry("temporary", [path], ())
        if now - entry.modified > SECONDS_A_DAY:
            yield entry


def _artifact(path: Path, needed_by: Sequence[str]) -> Entry:
    files = [path, *_files_of(path), seal_path(path)]
    recipe = _recipe(path)
    entry = _entry(ARTIFACT, files, needed_by)
    experiment = recipe.settings.get("experiment") if recipe else None
    return replace(
        entry,
        stage=recipe.stage if recipe and is_name(recipe.stage) else entry.stage,
        experiment=experiment if is_name(experiment) else None,
    )


def _files_of(stamp: Path) -> list[Path]:
    """Return the files that a stamp represents, except those that no longer match it."""
    if stamp.suffix != STAMP:
        return []
    wrong = altered(stamp)
    return [Path(os.path.normpath(file)) for file in stands_for(stamp) if file not in wrong]


def _recipe(path: Path) -> Recipe | None:
    """Read a seal; return None if it is invalid."""
    try:
        return sealed_recipe(path)
    except ArtifactError:
        return None


def _entry(kind: str, files: Sequence[Path], needed_by: Sequence[str]) -> Entry:
    stats = [_stat(file) for file in files]
    size, modified = sum(stat.st_size for stat in stats), max(stat.st_mtime for stat in stats)
    return Entry(files[0], kind, _stage(files[0]), tuple(files), size, modified, tuple(needed_by))


def _stat(file: Path) -> os.stat_result:
    """Return the target of a link; or the link, if it is broken."""
    try:
        return file.stat()
    except OSError:
        return file.lstat()


def _stage(path: Path) -> str:
    return next((stage for stage, folder in FOLDERS.items() if path.is_relative_to(folder)), "?")


def _each_file_once(entries: Iterable[Entry]) -> list[Entry]:
    """Assign a file that several stamps represent to one of them, and to a needed one if possible."""
    ordered = sorted(entries, key=lambda entry: not entry.needed_by)
    taken: set[Path] = set()
    once = []
    for entry in ordered:
        files = tuple(file for file in entry.files if file not in taken)
        taken.update(files)
        once.append(
            entry if files == entry.files else replace(entry, files=files, size=sum(_stat(file).st_size for file in files))
        )
    return once
