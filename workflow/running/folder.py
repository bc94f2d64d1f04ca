"""The folder that runs share: what a killed run left of Snakemake's locks and marks is cleared by the next.

Snakemake's own locks are files, which outlive a run that is killed, and then have to be
removed by hand. Here every run holds a lock of the operating system, which ends with its
process. A run that is the only one can know that all locks and marks are of dead runs. Marks
of half-done outputs say nothing here: an artifact under its name is whole, or its seal tells.
"""

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

STATE = Path(".snakemake")
LOCK = STATE / "stir.lock"

_held: list[IO[str]] = []


def enter_folder() -> bool:
    """Hold a place in the current folder until this process ends; clear what dead runs left, if it is alone.

    Returns
    -------
    bool
        Whether no other run is under way here.
    """
    STATE.mkdir(exist_ok=True)
    file = LOCK.open("a+", encoding="utf-8")
    _held.append(file)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        fcntl.flock(file, fcntl.LOCK_SH)
        return False
    _clear(STATE / "locks")
    _clear(STATE / "incomplete")
    fcntl.flock(file, fcntl.LOCK_SH)
    return True


@contextmanager
def alone_in_folder() -> Iterator[bool]:
    """Hold the current folder alone, if no run is under way there; runs that begin wait for the end of the block.

    Yields
    ------
    bool
        Whether it is held.
    """
    STATE.mkdir(exist_ok=True)
    with LOCK.open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


def _clear(folder: Path) -> None:
    """Empty a folder and leave it: Snakemake takes its absence for an older version's."""
    for entry in folder.iterdir() if folder.is_dir() else ():
        shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()
