"""Lock data/ and results/ that several clones share by links, so that only one clone at a time uses them.

Snakemake knows the outputs of its other runs in the same folder, but not those of a run in another
folder: it would delete an output that the other run has just finished, before it starts its
own job. So a run that has jobs to do locks each folder of artifacts, wherever links lead,
by a lock of the operating system, and runs of other clones wait for it; afterwards they find the shared files.

A lock file names its clone. Runs of the same clone hold it together (with a shared lock); the name
changes only while nobody holds it (with an exclusive lock).
"""

import errno
import fcntl
import os
import socket
import stat
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from functools import partial
from pathlib import Path

from stir.errors import StorageError
from stir.locks import has_no_locks
from stir.names import WRITABLE, shortened
from stir_workflow.store.places import FOLDERS
from stir_workflow.store.storage import is_refusal

NAME = ".stir.lock"
SECONDS_BETWEEN_TRIES = 1.0
SECONDS_BETWEEN_LINES = 60.0
LONGEST_NAME = 4096
LONGEST_SHOWN = 300


class SharedFolders:
    """The folders that artifacts of the current folder lie in, held for the runs of this clone.

    Parameters
    ----------
    folders : iterable of Path
        Folders, which may be links; those of all stages by default.
    """

    def __init__(self, folders: Iterable[Path] = (*WRITABLE, *map(Path, FOLDERS.values()))) -> None:
        here = Path.cwd().resolve()
        # Two clones under one path of two machines differ in the inode.
        self._clone = f"{socket.gethostname()}:{here} ({here.stat().st_ino})"
        self._folders = [here / folder for folder in folders]
        self._held: list[int] = []

    def try_hold(self) -> str | None:
        """Lock the existing folders if no other clone holds them; folders that are read-only or have no locks are skipped.

        Returns
        -------
        str or None
            The clone that holds one of them, as shown in messages; then no folder is locked.
        """
        self.release()
        for folder in self._distinct():
            try:
                file = _opened(folder)
            except OSError as error:
                if isinstance(error, StorageError) or not is_refusal(error):
                    raise
                continue
            self._held.append(file)
            if (other := self._lock(file)) is not None:
                self.release()
                return shortened(other, LONGEST_SHOWN)
        return None

    def hold(self) -> bool:
        """Create and lock the folders; wait while another clone holds them, and report this.

        Returns
        -------
        bool
            Whether it had to wait, so that files may have changed.

        Raises
        ------
        StorageError
            If a link is broken.
        """
        for folder in WRITABLE:
            _make(folder)
        began = said = time.monotonic()
        waited = False
        while (other := self.try_hold()) is not None:
            time.sleep(SECONDS_BETWEEN_TRIES)
            now = time.monotonic()
            if not waited or now - said >= SECONDS_BETWEEN_LINES:
                said = now
                _say(f"waiting for a run in {other}: it uses the same data/ or results/; {now - began:.0f} s so far")
            waited = True
        return waited

    def release(self) -> None:
        """Release the folders for other clones."""
        while self._held:
            os.close(self._held.pop())

    def _distinct(self) -> list[Path]:
        """Return the existing folders, without those within others, in the order of their real paths."""
        distinct: list[Path] = []
        for folder in sorted({folder.resolve() for folder in self._folders if folder.is_dir()}):
            if not any(folder.is_relative_to(other) for other in distinct):
                distinct.append(folder)
        return distinct

    def _lock(self, file: int) -> str | None:
        """Lock a file together with other runs of this clone; return the other clone that holds it, if any."""
        try:
            if _locked(file, fcntl.LOCK_EX) and _name(file) != self._clone:
                os.ftruncate(file, 0)
                os.pwrite(file, self._clone.encode(), 0)
            # While the lock changes from exclusive to shared, another clone may take it and write its name.
            if _locked(file, fcntl.LOCK_SH) and _name(file) == self._clone:
                return None
            return _name(file) or "another clone"
        except OSError as error:
            # A lock file of another user, which can be locked but not written, stays locked exclusively for this run.
            if has_no_locks(error) or is_refusal(error) or error.errno == errno.EBADF:
                return None
            raise


def _make(folder: Path) -> None:
    if folder.is_symlink() and not folder.is_dir():
        there = folder.readlink()
        raise StorageError(
            f"Expected a folder behind the link {folder}; there is none at {there}. Mount or make it, or unlink it."
        )
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        if not is_refusal(error):
            raise


def _opened(folder: Path) -> int:
    """Open the lock file of a folder; all users who can write to the folder can also open it."""
    path, flags = folder / NAME, os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        file = _opened_or_made(path, flags)
    except PermissionError:
        file = os.open(path, flags | os.O_RDONLY)
    except OSError as error:
        if is_refusal(error):
            raise
        raise StorageError(f"Expected {path} to be a lock file; got: {error.strerror}. Remove it.") from error
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise StorageError(f"Expected {path} to be a lock file; got something else. Remove it.")
    return file


def _opened_or_made(path: Path, flags: int) -> int:
    with suppress(FileNotFoundError):
        return os.open(path, flags | os.O_RDWR)
    file = os.open(path, flags | os.O_RDWR | os.O_CREAT, 0o600)
    folder = path.parent.stat()
    for change in (partial(os.fchown, file, -1, folder.st_gid), partial(os.fchmod, file, (folder.st_mode & 0o666) | 0o600)):
        with suppress(PermissionError):  # another run was faster, or the group is not ours
            change()
    return file


def _say(line: str) -> None:
    print(f"[stir] {line}", file=sys.stderr, flush=True)


def _locked(file: int, kind: int) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _name(file: int) -> str:
    return os.pread(file, LONGEST_NAME, 0).decode("utf-8", errors="replace")
