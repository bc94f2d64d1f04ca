"""The folder that runs share: what a killed run left of Snakemake's locks and marks is cleared by the next.

Snakemake's own locks are files, which outlive a run that is killed, and then have to be
removed by hand. Here every run holds a lock of the operating system, which ends with its
process. A run that is the only one can know that all locks and marks are of dead runs. Marks
of half-done outputs say nothing here: an artifact under its name is whole, or its seal tells.

In a folder that cannot be written to, an experiment that is finished is looked at all the same:
Snakemake keeps its state elsewhere then.
"""

import fcntl
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from stir.locks import has_no_locks, no_locks_message
from stir_workflow.running.shared import SharedFolders
from stir_workflow.store.storage import is_refusal, storing

STATE = Path(".snakemake")
LOCK = STATE / "stir.lock"
NO_LOCKS = (
    "See to it that one run or `stir cache prune` at a time uses data/ and results/, in whatever clone. "
    "If a run is killed, Snakemake may ask for `snakemake --unlock` before the next."
)
BYTES_OF_STATE = 2**12
"""That a run without a job writes at most, to see whether there is room."""

_held: list[IO[str]] = []
_refusals: list[OSError] = []


def enter_folder() -> bool:
    """Hold a place in the current folder until this process ends; clear what dead runs left, if it is alone.

    Returns
    -------
    bool
        Whether no other run is known to be under way here, and none can be: there are locks.
    """
    try:
        file = _opened()
        _check_room()
    except OSError as error:
        if not is_refusal(error):
            raise
        _refusals.append(error)
        _keep_state_elsewhere()
        return False
    _held.append(file)
    try:
        alone = _lock(file)
    except OSError as error:
        _warn(error)
        return False
    if alone:
        _clear(STATE / "locks")
        _clear(STATE / "incomplete")
    fcntl.flock(file, fcntl.LOCK_SH)
    return alone


def check_entered() -> None:
    """Refuse to start jobs in a folder that could not be entered, since nothing can be written to it.

    Raises
    ------
    StorageError
        Saying what to do.
    """
    with storing(STATE):
        for error in _refusals:
            raise error


@contextmanager
def alone_in_folder() -> Iterator[bool]:
    """Hold the current folder alone, if no run is under way there, nor in a clone that shares data/ or results/.

    Runs that begin wait for the end of the block.

    Yields
    ------
    bool
        Whether it is held.

    Raises
    ------
    StorageError
        If the folder cannot be written to.
    """
    with storing(LOCK):
        file = _opened()
    shared = SharedFolders()
    with file:
        try:
            alone = _lock(file)
        except OSError as error:
            _warn(error)
            alone = True
        try:
            yield alone and shared.try_hold() is None
        finally:
            shared.release()


def _opened() -> IO[str]:
    STATE.mkdir(exist_ok=True)
    return LOCK.open("a+", encoding="utf-8")


def _check_room() -> None:
    """Write as much as a run without a job does: a file of a full disk can still be opened."""
    with tempfile.TemporaryFile(dir=STATE) as file:
        file.write(bytes(BYTES_OF_STATE))


def _lock(file: IO[str]) -> bool:
    """Lock a file for this process alone; return whether that could be."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _warn(error: OSError) -> None:
    if not has_no_locks(error):
        raise error
    if said := no_locks_message(LOCK, error, NO_LOCKS):
        print(f"warning: {said}", file=sys.stderr, flush=True)


def _keep_state_elsewhere() -> None:
    """Let Snakemake keep its state of this process in a temporary folder."""
    from snakemake import workflow

    state, made_here = tempfile.TemporaryDirectory(prefix="stir-state-"), workflow.FilePersistence

    def made_elsewhere(*arguments: Any, **settings: Any) -> Any:
        return made_here(*arguments, **settings | {"path": Path(state.name)})

    workflow.FilePersistence = made_elsewhere


def _clear(folder: Path) -> None:
    """Empty a folder and leave it: Snakemake takes its absence for an older version's."""
    for entry in folder.iterdir() if folder.is_dir() else ():
        shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()
