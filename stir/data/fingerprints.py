"""Fingerprints, which identify the data that an experiment was written for."""

import hashlib
from collections.abc import Callable, Iterable
from pathlib import Path

from stir.data.files import composed, files_in, kind_of
from stir.digests import sha256_of
from stir.errors import DatasetError
from stir.names import shown
from stir.progress import SECONDS_BETWEEN_LINES, progress_bar


def fingerprint(path: Path) -> str:
    """Return a digest of a file's content, or of the names and contents of all files in a folder.

    Hidden files, and files that operating systems add to folders, are ignored.

    Returns
    -------
    str
        64 hexadecimal digits: the SHA-256 of a file, or the result of `fingerprint_of` for a folder.

    Raises
    ------
    DatasetError
        If there is no such file or folder, or an entry of the folder is neither.
    """
    if _is_file(path):
        return _sha256_of(path)
    names = composed(files_in(path), path)
    with progress_bar(f"Fingerprint of {shown(path)}", len(names), unit="file", delay=SECONDS_BETWEEN_LINES) as bar:

        def sha256(name: str) -> str:
            bar.update()
            return _sha256_of(path / names[name])

        return fingerprint_of(names, sha256)


def _is_file(path: Path) -> bool:
    """Return whether a path is a file, rather than a folder, and refuse all else."""
    if (kind := kind_of(path)) not in ("a file", "a folder"):
        raise DatasetError(
            f"Expected a file or folder at {shown(path)}; there is {kind if kind != 'nothing' else 'none'}. "
            "Put it there, or correct the path."
        )
    return kind == "a file"


def _sha256_of(path: Path) -> str:
    try:
        return sha256_of(path)
    except OSError as error:
        raise DatasetError(f"Cannot read {shown(path)}: {error.strerror}. Make it readable, or remove it.") from error


def fingerprint_of(names: Iterable[str], sha256: Callable[[str], str]) -> str:
    """Return the SHA-256 of the lines ``SHA-256 of the content, two spaces, name``, sorted by name.

    This is the output of ``sha256sum`` for these files, in this order, with names in Unicode's composed form (NFC).
    """
    lines = (f"{sha256(name)}  {name}\n" for name in sorted(names))
    return hashlib.sha256("".join(lines).encode(errors="surrogateescape")).hexdigest()
