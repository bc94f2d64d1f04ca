"""Files of datasets by URL, as torchvision names them with their checksums."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pooch
from filelock import FileLock

from stir.data.sources import FOLDER_VARIABLE
from stir.errors import DatasetError

RETRIES = 3


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep other jobs from downloading to a folder meanwhile, which is made where it is absent.

    Raises
    ------
    DatasetError
        If nothing can be written there.
    """
    lock = FileLock(folder / ".download.lock")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except OSError as error:
        raise DatasetError(f"Cannot download to {folder}: {error}. {where_else(folder)}") from error
    try:
        yield
    finally:
        lock.release()


def download(url: str, path: Path, md5: str, *, what: str) -> None:
    """Download a file unless it is there; check its MD5.

    Raises
    ------
    DatasetError
        If it cannot be had; with what to do.
    """
    downloader = pooch.create(
        path.parent, base_url="", registry={path.name: f"md5:{md5}"}, urls={path.name: url}, retry_if_failed=RETRIES
    )
    try:
        downloader.fetch(path.name)
    except (ValueError, OSError) as error:
        raise DatasetError(
            f"{what} is not at {path.parent}, and cannot be downloaded from {url}: {error}. Get {path.name} "
            f"elsewhere and put it at {path}. {where_else(path.parent)}"
        ) from error


def where_else(folder: Path) -> str:
    """Say how another folder is named."""
    return (
        f"Or name the folder that has it, unpacked or not, in the variable {FOLDER_VARIABLE} or under dataset.path, not {folder}."
    )
