"""Safe opening of files: only new files are written, and only regular files of bounded size are read.

Folders of artifacts can be shared, or come from a remote, so any name in them may be a link, a FIFO or a device.
Nothing is written through a link, and no file that could block is opened.
"""

import errno
import hashlib
import os
import re
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedRandom, BufferedReader
from pathlib import Path

READING = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC
CREATING = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC

_TEMPORARY = re.compile(r"\A\.(?P<stem>.+)\.(?P<token>[0-9a-f]{16})-(?P<digest>[0-9a-f]{16})\.tmp(?P<suffix>\.\w+)?\Z", re.DOTALL)


def create(path: Path) -> BufferedRandom:
    """Open a new file for writing and reading; an existing file is removed, and a link is not followed.

    Raises
    ------
    OSError
        If the path is a folder, or another program creates the file at the same time.
    """
    path.unlink(missing_ok=True)
    return os.fdopen(os.open(path, CREATING, 0o666), "w+b")


@contextmanager
def temporary_beside(path: Path) -> Iterator[Path]:
    """Create an empty file beside a path, with an unpredictable name that `is_temporary` recognises.

    It is removed at the end, unless it was renamed.
    """
    token = secrets.token_hex(8)
    temporary = path.with_name(f".{path.stem}.{token}-{_digest(path.stem, token, path.suffix)}.tmp{path.suffix}")
    os.close(os.open(temporary, CREATING, 0o666))
    try:
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


def is_temporary(name: str) -> bool:
    """Return whether a name was made by `temporary_beside`: it contains a digest that no other file has by chance."""
    match = _TEMPORARY.match(name)
    return match is not None and match["digest"] == _digest(match["stem"], match["token"], match["suffix"] or "")


def _digest(stem: str, token: str, suffix: str) -> str:
    return hashlib.sha256(f"stir temporary {stem} {token} {suffix}".encode(errors="surrogateescape")).hexdigest()[:16]


def open_file(path: Path, *, follow_links: bool = True) -> BufferedReader:
    """Open a regular file for reading, without blocking.

    Raises
    ------
    OSError
        If it is a folder, a FIFO, a device or a socket, or a link that must not be followed.
    """
    _check_regular(path, path.stat(follow_symlinks=follow_links))
    file = os.fdopen(os.open(path, READING | (0 if follow_links else os.O_NOFOLLOW)), "rb")
    try:
        _check_regular(path, os.fstat(file.fileno()))
    except OSError:
        file.close()
        raise
    return file


def read_bounded(path: Path, n_bytes: int) -> bytes:
    """Read a regular file of at most ``n_bytes``.

    Raises
    ------
    OSError
        If it is not a regular file, or larger.
    """
    with open_file(path) as file:
        content = file.read(n_bytes + 1)
    if len(content) > n_bytes:
        raise OSError(errno.EFBIG, f"larger than the allowed {n_bytes} bytes", str(path))
    return content


def _check_regular(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "not a regular file", str(path))
