"""Register clones that share data/ and results/ by links; the note lies in the shared folder."""

import os
from pathlib import Path

from stir.errors import StirError
from stir.files import read_bounded
from stir.names import WRITABLE

NOTE = ".shared-with"
NOTE_BYTES = 2**20


def note_sharing() -> None:
    """Register the current folder in data/ and in results/, if either is a link to a folder of another project.

    Read-only folders are skipped: users without write permission cannot remove files there.
    """
    here = str(Path.cwd())
    for top in WRITABLE:
        if top.is_symlink() and top.is_dir() and here not in sharers(top):
            try:
                note = os.open(top / NOTE, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o666)
            except OSError:
                continue
            with os.fdopen(note, "ab") as file:
                file.write(os.fsencode(f"{here}\n"))


def sharers(top: Path) -> list[str]:
    """Return the registered folders of other projects that link to a folder."""
    try:
        text = read_bounded(top / NOTE, NOTE_BYTES).decode("utf-8", "surrogateescape")
    except FileNotFoundError:
        return []
    except OSError as error:
        raise StirError(f"Expected a list of folders in {top / NOTE}; it cannot be read ({error.strerror}).") from error
    return [line for line in text.splitlines() if line]
