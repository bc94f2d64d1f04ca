"""Fingerprints of data of one's own: computed once, and again only if sizes or times of files have changed.

``data/fingerprints/`` has a small file per path. Whatever else lies there only costs the time of computing a fingerprint again.
"""

import hashlib
import json
import sys
from contextlib import suppress
from pathlib import Path

from stir.data.files import files_in, kind_of
from stir.data.fingerprints import fingerprint
from stir.errors import DatasetError, StirError
from stir.files import open_file
from stir.names import is_inside, shown
from stir_workflow.store.atomic import write_atomically

FOLDER = Path("data") / "fingerprints"
MOST_BYTES = 1000
"""Of a file that remembers a fingerprint."""
DIGITS = set("0123456789abcdef")


def remembered_fingerprint(path: Path) -> str:
    """Return the fingerprint of a file or folder; it is only computed if it is not known, or if sizes or times have changed.

    Raises
    ------
    DatasetError
        As `stir.data.fingerprints.fingerprint`.
    """
    seen = _sizes_and_times(path)
    note = FOLDER / f"{hashlib.sha256(str(path.absolute()).encode(errors='surrogateescape')).hexdigest()[:32]}.json"
    if (known := _read(note, seen)) is not None:
        return known
    print(f"[stir] fingerprint of {shown(path)}: read once, and again when a file there has changed", file=sys.stderr, flush=True)
    found = fingerprint(path)
    if is_inside(note):  # and not behind a link that leads out of data/
        _write(note, json.dumps({"seen": seen, "fingerprint": found}))
    return found


def _write(note: Path, text: str) -> None:
    with suppress(OSError, StirError):  # where nothing can be written, nothing is remembered
        write_atomically(note, text)


def _sizes_and_times(path: Path) -> str:
    """Return a digest of names, sizes, times of modification and inodes."""
    names = sorted(files_in(path)) if kind_of(path) == "a folder" else [""]
    digest = hashlib.sha256()
    try:
        for name in names:
            status = (path / name).stat()
            facts = (name, status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)
            digest.update(repr(facts).encode(errors="surrogateescape"))
    except OSError as error:
        raise DatasetError(f"Cannot read {shown(path)}: {error.strerror}. Put it there, or correct the path.") from error
    return digest.hexdigest()


def _read(note: Path, seen: str) -> str | None:
    """Return what was remembered, if it is of these sizes and times."""
    try:
        with open_file(note, follow_links=False) as file:
            content = json.loads(file.read(MOST_BYTES))
        known = content["fingerprint"] if content["seen"] == seen else None
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return known if isinstance(known, str) and len(known) == 64 and set(known) <= DIGITS else None
