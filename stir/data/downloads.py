"""Files of datasets by URL, as torchvision names them with their checksums."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pooch

from stir.data.sources import FOLDER_VARIABLE
from stir.errors import DatasetError
from stir.locks import take_lock

RETRIES = 3
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
    downloader = pooch.create(
        path.parent, base_url="", registry={path.name: f"md5:{md5}"}, urls={path.name: url}, retry_if_failed=RETRIES
    )
    try:
        downloader.fetch(path.name, downloader=_get)
    except (ValueError, OSError) as error:
        raise DatasetError(
            f"{what} is not at {path.parent}, and cannot be downloaded from {url}: {error}. "
            f"Put {path.name} there, from wherever you have it; {ELSEWHERE}"
        ) from error


def _get(url: str, output_file: Any, pooch_: Any) -> None:
    """Download, and close what a refusal leaves open."""
    try:
        pooch.HTTPDownloader()(url, output_file, pooch_)
    except OSError as error:
        if (response := getattr(error, "response", None)) is not None:
            response.close()
        raise
