"""Files that appear whole or not at all, and replace a link by a file."""

import os
import shutil
from pathlib import Path

from stir.errors import ArtifactError
from stir.files import open_file, temporary_beside


def write_atomically(path: Path, text: str) -> None:
    """Write text to a file that appears whole or not at all, and replaces a link by a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with temporary_beside(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
        flush(temporary)
        put(temporary, path)


def copy_atomically(source: Path, path: Path) -> None:
    """Copy a file; the copy appears whole or not at all, and replaces a link by a file."""
    with temporary_beside(path) as temporary:
        with open_file(source) as content, temporary.open("wb") as copy:
            shutil.copyfileobj(content, copy)
        flush(temporary)
        put(temporary, path)


def put(temporary: Path, path: Path) -> None:
    """Rename a finished file to its final name, at which anything may lie."""
    try:
        temporary.rename(path)
    except IsADirectoryError as error:
        raise ArtifactError(f"Expected a file at {path}, or nothing; there is a folder. Move it away.") from error


def flush(path: Path) -> None:
    """Write what the system keeps of a file in memory to the disk."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
