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
"""What was found good by a run or by ``stir verify``, in the folder of the workflow."""

MEMORY_BYTES = 2**28
SECONDS_BEFORE_PROGRESS = 3.0


def verify(paths: Iterable[Path], *, memory: Path | None = None, deep: bool = False) -> dict[Path, str]:
    """Check every artifact that exists, and the files that stamps stand for; say what is wrong with each bad one.

    Parameters
    ----------
    paths : iterable of Path
        Artifacts; those that do not exist are passed over.
    memory : Path, optional
        A JSON file that remembers sizes, times and inodes of what was found good, so
        that only what changed is read. Without it every file is read.
    deep : bool
        Read every file all the same: disks forget without a trace.

    Returns
    -------
    dict
        Path -> what is wrong. Empty if all is well. A stamp is bad if one of its files is.
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
        with suppress(OSError):  # it saves time and nothing else
            write_atomically(memory, json.dumps(now))
    return bad


def oddities(found: Survey) -> list[str]:
    """Say what lies beside artifacts and is none: not bad, but nothing vouches for it."""
    return [
        *(f"{path} has no seal; a run that needs it sets it aside and remakes it." for path in found.unsealed),
        *(f"{path} has a seal beside it that is none of this project's; both are left." for path in found.ill_sealed),
        *(f"{path} is the seal of nothing; a run that needs the artifact makes it." for path in found.lone_seals),
        *(f"{path} is no artifact, and no stamp stands for it; nothing needs it." for path in found.unclaimed),
    ]


def _wrong_files(stamp: Path, problem: str | None) -> dict[Path, str]:
    """Say which files of a stamp are not the ones that it was made with; without them it is worth nothing.

    A stamp is believed for the folder of its key alone. Copies elsewhere are left to the stage that publishes them.
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
    said = {file: f"{file} is not the one that {stamp.name} was made with; remake it." for file in own if os.path.lexists(file)}
    return {stamp: problem or f"{stamp} stands for {names}, which changed or is gone; remake both.", **said}


def left_alone(bad: Mapping[Path, str]) -> dict[Path, str]:
    """Return what of `verify`'s finds is not proved to be this project's, so that it is not moved; and what is said of it.

    A run may move more: the paths of its plan are its own.
    """
    ours = {path for path in bad if is_ours(path) or _is_of_a_stamp(path)}
    why = "It was left: it does not lie, with a whole seal of its own, in the folder of its stage in data/ or results/ from here."
    return {path: f"{problem} {why}" for path, problem in bad.items() if path not in ours}


def _is_of_a_stamp(file: Path) -> bool:
    stamp = file.parent.with_name(f"{file.parent.name}{STAMP}")
    return in_own_folder(file, stamp) and is_ours(stamp)


def _name(path: Path) -> str:
    """Return how the memory calls a file: from here if it lies below, so that a run and ``stir verify`` agree."""
    absolute, here = path.absolute(), Path.cwd()
    return absolute.relative_to(here).as_posix() if absolute.is_relative_to(here) else absolute.as_posix()


def _mark(path: Path) -> list[int] | None:
    """Return what changes when a file or its seal does, or none if they cannot be looked at.

    The time of the last change of an inode is among it: unlike the time of writing, a program cannot set it back.
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
    """Move what `verify` found bad to quarantine, one by one, and say so.

    Raises
    ------
    ArtifactError
        If a file cannot be moved; it is named.
    """
    for path, problem in bad.items():
        say(f"{problem} It was moved to {set_aside(path)}.")
