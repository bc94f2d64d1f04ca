"""Locks of files: the operating system's, and what stands in for them where a file system has none."""

import errno
import os
import warnings
from pathlib import Path

from filelock import BaseFileLock, FileLock, SoftFileLock, Timeout

NO_LOCKS = frozenset({errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL})
"""What a file system answers that has no locks, or cannot reach whoever keeps them."""
WARNED = "STIR_WARNED_OF_NO_LOCKS"
"""Environment variable: the run, or a process before this one, has said it; so that it is said once."""


def has_no_locks(error: OSError) -> bool:
    """Return whether an error says that a file system has no locks."""
    return error.errno in NO_LOCKS


def no_locks_message(path: Path, error: OSError, instead: str) -> str | None:
    """Return what is said of a file system without locks; nothing if it was said before."""
    if WARNED in os.environ:
        return None
    os.environ[WARNED] = "1"
    return f"The file system of {path.absolute()} has no locks ({error.strerror}). {instead}"


def take_lock(path: Path, *, wait: bool = True, mode: int = 0o644) -> BaseFileLock | None:
    """Take an exclusive lock that ends with this process.

    Where the file system has no locks, a file that names this process stands in for one. Whoever
    finds that the process has ended takes it over, on the same node.

    Parameters
    ----------
    path : Path
        The file to lock; it is made, and stays.
    wait : bool
        Whether to wait while another process has it.
    mode : int
        Of the file, if it is made.

    Returns
    -------
    BaseFileLock or None
        To be released; none if another process has it.

    Warns
    -----
    UserWarning
        If there are no locks.
    """
    try:
        # A lock by existence, which filelock would fall back to by itself for one of these errors, is told from the file.
        return _taken(FileLock(path, mode=mode, fallback_to_soft=False), wait)
    except OSError as error:
        if not has_no_locks(error):
            raise
        instead = "Files that name their process stand in for them, which hold on one node alone: use one node at a time."
        if said := no_locks_message(path, error, instead):
            warnings.warn(said, stacklevel=2)
        return _taken(SoftFileLock(path.with_name(f"{path.name}.process"), mode=mode), wait)


def _taken(lock: BaseFileLock, wait: bool) -> BaseFileLock | None:
    try:
        lock.acquire(blocking=wait)
    except Timeout:
        return None
    return lock
