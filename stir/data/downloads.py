"""Files of datasets by URL, as torchvision names them with their checksums."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stir import downloads
from stir.data.files import kind_of
from stir.data.sources import FOLDER_VARIABLE
from stir.errors import DatasetError
from stir.locks import take_lock

MAX_BYTES = 2**30
"""Of a file that is downloaded; the largest dataset's has a sixth of it."""
MAX_SECONDS = 3600.0
ELSEWHERE = f"or name the folder that has it, unpacked or not, in the variable {FOLDER_VARIABLE} or under dataset.path."


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep other jobs from downloading to a folder meanwhile, which is made where it is absent.

    Raises
    ------
    DatasetError
        If nothing can be written there.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = take_lock(folder / ".download.lock")
    except OSError as error:
        raise DatasetError(f"Cannot download to {folder}: {error}. Make it writable; {ELSEWHERE}") from error
    try:
        yield
    finally:
        if lock is not None:
            lock.release()


def download(url: str, path: Path, md5: str, *, what: str) -> None:
    """Download a file unless it is there; check its MD5.

    Raises
    ------
    DatasetError
        If it cannot be had; with what to do.
    """
    if (kind := kind_of(path)) not in ("a file", "nothing"):
        raise DatasetError(f"Expected {what} at {path}, or nothing; there is {kind}. Take it away, and it is downloaded.")
    try:
        downloads.download(url, path, what=what, digest=("md5", md5), max_bytes=MAX_BYTES, max_seconds=MAX_SECONDS)
    except (ValueError, OSError) as error:
        raise DatasetError(
            f"{what} is not at {path.parent}, and cannot be downloaded from {url}: {error}. "
            f"Put {path.name} there, from wherever you have it; {ELSEWHERE}"
        ) from error
