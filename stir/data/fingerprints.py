"""What tells whether data are those that an experiment was written for."""

import hashlib
import os
from collections.abc import Callable, Iterable
from pathlib import Path

from stir.artifacts import sha256_of
from stir.errors import DatasetError


def fingerprint(path: Path) -> str:
    """Return a digest of a file's content, or of the names and contents of all files in a folder.

    Hidden files do not count: systems put them there when a folder is looked at.

    Returns
    -------
    str
        64 hexadecimal digits: the SHA-256 of the file; of a folder what `fingerprint_of` returns.

    Raises
    ------
    DatasetError
        If there is no such file or folder.
    """
    if path.is_file():
        return sha256_of(path)
    if not path.is_dir():
        raise DatasetError(f"Expected a file or folder at {path}; there is none. Put it there, or correct the path.")
    return fingerprint_of(files_in(path), lambda name: sha256_of(path / name))


def fingerprint_of(names: Iterable[str], sha256: Callable[[str], str]) -> str:
    """Return the SHA-256 of the lines ``SHA-256 of the content, two spaces, name``, sorted by name.

    That is what ``sha256sum`` prints for these files, in this order.
    """
    lines = (f"{sha256(name)}  {name}\n" for name in sorted(names))
    return hashlib.sha256("".join(lines).encode(errors="surrogateescape")).hexdigest()


def files_in(folder: Path) -> list[str]:
    """Return the relative names of all files in a folder that are not hidden, with ``/`` between folders."""
    found = []
    for within, folders, files in os.walk(folder, followlinks=True):
        folders[:] = [name for name in folders if not name.startswith(".")]
        prefix = Path(within).relative_to(folder)
        found += [(prefix / name).as_posix() for name in files if not name.startswith(".")]
    return found
