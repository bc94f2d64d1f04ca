"""Digests of files."""

import hashlib
from pathlib import Path

from stir.files import open_file


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's content as hexadecimal digits."""
    return digest_of(path, "sha256")


def digest_of(path: Path, algorithm: str) -> str:
    """Return a digest of a file's content as hexadecimal digits, by an algorithm of `hashlib`."""
    with open_file(path) as file:
        return hashlib.file_digest(file, algorithm).hexdigest()
