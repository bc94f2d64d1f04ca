"""File locks of the operating system, and a replacement for file systems without locks."""

import errno
import os
from pathlib import Path

from filelock import BaseFileLock, FileLock, SoftFileLock, Timeout

from stir.errors import warn_caller

NO_LOCKS = frozenset({errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL})
"""Error numbers of file systems that have no locks or cannot reach their lock service."""
WARNED = "STIR_WARNED_OF_NO_LOCKS"
"""Environment variable: set once the run or a parent process has warned, so that the warning appears once."""


def has_no_locks(error: OSError) -> bool:
    """Return whether an error means that a file system has no locks."""
    return error.errno in NO_LOCKS


def no_locks_message(path: Path, error: OSError, instead: str) -> str | None:
    """Return the warning about a file system without locks, or nothing if it was given before."""
    if WARNED in os.environ:
        return None
    os.environ[WARNED] = "1"
    return f"The file system of {path.absolute()} has no locks ({error.strerror}). {instead}"


def take_lock(path: Path, *, wait: bool = True, mode: int = 0o644) -> BaseFileLock | None:
    """Take an exclusive lock that ends with this process.

    If the file system has no locks, a file that names this process replaces the lock. Another process
    on the same node takes it over if this process has ended.

    Parameters
    ----------
    path : Path
        The file to lock; it is created if necessary, and not removed.
    wait : bool
        Whether to wait while another process holds the lock.
    mode : int
        Mode of the file, if it is created.

    Returns
    -------
    BaseFileLock or None
        The lock, to be released by the caller; None if another process holds it.

    Warns
    -----
    UserWarning
        If there are no locks.
    """
    try:
        # Disable filelock's own fallback for one of these errors, which has no separate file name.
        return _taken(FileLock(path, mode=mode, fallback_to_soft=False), wait)
    except OSError as error:
        if not has_no_locks(error):
            raise
        instead = "Files that name their process replace them; these are valid on one node only, so use one node at a time."
        if said := no_locks_message(path, error, instead):
            warn_caller(said)
        return _taken(SoftFileLock(path.with_name(f"{path.name}.process"), mode=mode), wait)


def _taken(lock: BaseFileLock, wait: bool) -> BaseFileLock | None:
    try:
        lock.acquire(blocking=wait)
    except Timeout:
        return None
    return lock
