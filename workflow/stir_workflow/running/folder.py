"""The folder of a run: locks and marks of a killed Snakemake are cleared by the next run.

Snakemake's own locks are files, which remain when a run is killed, and then have to be
removed by hand. Here every run holds a lock of the operating system, which ends with its
process. So a run that is alone knows that all locks and marks belong to dead runs. Marks
of incomplete outputs are not needed: artifacts are complete, and their seals show damage.

In a read-only folder, a finished experiment can still be inspected: Snakemake then keeps its
state elsewhere.
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
    "Use data/ and results/ with only one run or `stir cache prune` at a time, in any clone. "
    "If a run is killed, Snakemake may ask for `snakemake --unlock` before the next."
)
BYTES_OF_STATE = 2**12
"""Maximum size of the state that a run without jobs writes, for a test of free space."""

_held: list[IO[str]] = []
_refusals: list[OSError] = []


def enter_folder() -> bool:
    """Lock the current folder until this process ends; clear the leftovers of dead runs if no other run is alive.

    Returns
    -------
    bool
        Whether it is certain that no other run is in progress here, which requires locks.
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
    """Refuse to start jobs in a folder that is not writable.

    Raises
    ------
    StorageError
        With a remedy.
    """
    with storing(STATE):
        for error in _refusals:
            raise error


@contextmanager
def alone_in_folder() -> Iterator[bool]:
    """Lock the current folder exclusively, if no run is in progress there or in a clone that shares data/ or results/.

    Runs that start meanwhile wait for the end of the block.

    Yields
    ------
    bool
        Whether it is locked.

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
    """Write as much as a run without jobs, since files can be opened even on a full disk."""
    with tempfile.TemporaryFile(dir=STATE) as file:
        file.write(bytes(BYTES_OF_STATE))


def _lock(file: IO[str]) -> bool:
    """Lock a file exclusively for this process; return whether this succeeded."""
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
    """Make Snakemake keep the state of this process in a temporary folder."""
    from snakemake import workflow

    state, made_here = tempfile.TemporaryDirectory(prefix="stir-state-"), workflow.FilePersistence

    def made_elsewhere(*arguments: Any, **settings: Any) -> Any:
        return made_here(*arguments, **settings | {"path": Path(state.name)})

    workflow.FilePersistence = made_elsewhere


def _clear(folder: Path) -> None:
    """Empty a folder without removing it, since Snakemake takes a missing folder for that of an older version."""
    for entry in folder.iterdir() if folder.is_dir() else ():
        shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()
