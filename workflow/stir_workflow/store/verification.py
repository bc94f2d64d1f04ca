"""Check many artifacts at once, and move bad ones aside; nothing is deleted."""

import json
import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from stir.errors import ArtifactError
from stir.files import read_bounded
from stir.progress import progress_bar
from stir_workflow.store.artifacts import checked, is_ours, seal_path
from stir_workflow.store.atomic import write_atomically
from stir_workflow.store.quarantine import set_aside
from stir_workflow.store.stamps import STAMP, altered, in_own_folder, read_stamp
from stir_workflow.store.survey import Survey

MEMORY = Path(".snakemake/stir-verified.json")
"""Record of verified files, in the folder of the workflow."""

MEMORY_BYTES = 2**28
SECONDS_BEFORE_PROGRESS = 3.0


def verify(paths: Iterable[Path], *, memory: Path | None = None, deep: bool = False) -> dict[Path, str]:
    """Check every artifact that exists, and the files that stamps represent; return the problem of each bad one.

    Parameters
    ----------
    paths : iterable of Path
        Artifacts; those that do not exist are skipped.
    memory : Path, optional
        A JSON file that records sizes, times and inodes of verified files, so
        that only changed files are read. Without it every file is read.
    deep : bool
        Read every file in any case, since disks can lose bits without a trace.

    Returns
    -------
    dict
        Path -> problem; empty if all files are good. A stamp is bad if one of its files is.
    """
    files = [path for path in paths if os.path.lexists(path)]
    bad = _verify_seals(files, memory, deep)
    for path in files:
        if path.suffix == STAMP and path.is_file():
            bad |= _wrong_files(path, bad.get(path))
    return bad


def _verify_seals(paths: list[Path], memory: Path | None, deep: bool) -> dict[Path, str]:
    before = _read_memory(memory)
    now = dict(before)
    bad: dict[Path, str] = {}
    with progress_bar("checking artifacts", len(paths), unit="file", delay=SECONDS_BEFORE_PROGRESS) as bar:
        for path in paths:
            mark = _mark(path)
            if deep or mark is None or before.get(_name(path)) != mark:
                now.pop(_name(path), None)
                try:
                    checked(path)
                except ArtifactError as error:
                    bad[path] = str(error)
                else:
                    now |= {_name(path): mark} if mark is not None else {}
            bar.update()
    if memory is not None and now != before:
        with suppress(OSError):  # it only saves time
            write_atomically(memory, json.dumps(now))
    return bad


def oddities(found: Survey) -> list[str]:
    """Return messages about files beside artifacts that are not bad, but cannot be checked."""
    return [
        *(f"{path} has no seal; a run that needs it moves it to quarantine and makes it again." for path in found.unsealed),
        *(f"{path} has a seal beside it that does not belong to this project; both are left." for path in found.ill_sealed),
        *(f"{path} is a seal without an artifact; a run that needs the artifact makes it." for path in found.lone_seals),
        *(f"{path} is not an artifact, and no stamp represents it; nothing needs it." for path in found.unclaimed),
    ]


def _wrong_files(stamp: Path, problem: str | None) -> dict[Path, str]:
    """Return the problems of files that differ from those of their stamp, which makes the stamp invalid.

    A stamp only counts for the folder of its key. The stage that publishes copies in other folders checks them.
    """
    try:
        read_stamp(stamp)
    except ArtifactError as error:
        return {stamp: problem or str(error)}
    wrong = altered(stamp)
    own = [file for file in wrong if in_own_folder(file, stamp)]
    if not (own if problem else wrong):
        return {}
    names = ", ".join(str(file) for file in wrong)
    there = (file for file in own if os.path.lexists(file))
    said = {file: f"{file} differs from the file that {stamp.name} was made with; make it again." for file in there}
    return {stamp: problem or f"{stamp} represents {names}, which changed or is missing; make both again.", **said}


def left_alone(bad: Mapping[Path, str]) -> dict[Path, str]:
    """Return the bad files that do not provably belong to this project and so are not moved, with messages.

    A run may move more files, since the paths of its plan belong to it.
    """
    ours = {path for path in bad if is_ours(path) or _is_of_a_stamp(path)}
    why = "It was left: it does not lie, with a whole seal of its own, in the folder of its stage in data/ or results/ from here."
    return {path: f"{problem} {why}" for path, problem in bad.items() if path not in ours}


def _is_of_a_stamp(file: Path) -> bool:
    stamp = file.parent.with_name(f"{file.parent.name}{STAMP}")
    return in_own_folder(file, stamp) and is_ours(stamp)


def _name(path: Path) -> str:
    """Return the name of a file in the record: relative if it lies below the current folder, as in runs and ``stir verify``."""
    absolute, here = path.absolute(), Path.cwd()
    return absolute.relative_to(here).as_posix() if absolute.is_relative_to(here) else absolute.as_posix()


def _mark(path: Path) -> list[int] | None:
    """Return values that change with a file or its seal, or None if these are not accessible.

    They include the change time of the inode, which, unlike the modification time, no program can set back.
    """
    try:
        stats = [path.stat(), seal_path(path).stat()]
    except OSError:
        return None
    return [number for stat in stats for number in (stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino)]


def _read_memory(memory: Path | None) -> dict[str, list[int]]:
    try:
        known = json.loads(read_bounded(memory, MEMORY_BYTES)) if memory else {}
    except (OSError, ValueError, RecursionError):
        return {}
    return known if isinstance(known, dict) else {}


def set_bad_aside(bad: Mapping[Path, str], *, say: Callable[[str], None]) -> None:
    """Move the bad files found by `verify` to quarantine one by one, and report this.

    Raises
    ------
    ArtifactError
        Naming a file that cannot be moved.
    """
    for path, problem in bad.items():
        say(f"{problem} It was moved to {set_aside(path)}.")
