"""Errors of full and read-only disks, with remedies."""

import errno
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from stir.errors import StorageError

REMEDIES = {
    errno.ENOSPC: "Free some space there",
    errno.EDQUOT: "Your quota there is used up; free some space",
    errno.EROFS: "Mount it for writing",
    errno.EACCES: "Make it yours to write to",
    errno.EPERM: "Make it yours to write to",
}
MEGABYTE = 10**6


@contextmanager
def storing(path: Path) -> Iterator[None]:
    """Convert a failure to write ``path`` into a message with a remedy.

    Raises
    ------
    StorageError
        Naming the path, the free space, and the remedy.
    """
    try:
        yield
    except OSError as error:
        if isinstance(error, StorageError) or error.errno is None or not is_refusal(error):
            raise
        raise StorageError(_message(path, error.errno)) from error


def is_refusal(error: OSError) -> bool:
    """Return whether an error means that a path is not writable: the disk is full or read-only, or permission is missing."""
    return error.errno in REMEDIES


def check_writable(folders: Iterable[Path]) -> None:
    """Refuse folders that are not writable; it must be possible to create absent ones.

    Raises
    ------
    StorageError
        Naming the first such folder.
    """
    for folder in folders:
        there = _existing(folder)
        if not os.access(there, os.W_OK | os.X_OK):
            read_only = os.statvfs(there).f_flag & os.ST_RDONLY
            raise StorageError(_message(folder, errno.EROFS if read_only else errno.EACCES))


def _existing(path: Path) -> Path:
    """Return the path itself, or the nearest folder above it that exists."""
    return next(place for place in (path.absolute(), *path.absolute().parents) if place.exists())


def _message(path: Path, number: int) -> str:
    free = f" ({shutil.disk_usage(_existing(path)).free / MEGABYTE:.1f} MB are free)" if number == errno.ENOSPC else ""
    return (
        f"Cannot write {path}: {os.strerror(number)}{free}. "
        f"{REMEDIES[number]}, and run the same command again: finished work is kept."
    )
