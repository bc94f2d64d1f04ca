"""Files of datasets by URL, as torchvision names them with their checksums."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pooch
import requests
from urllib3.exceptions import HTTPError

from stir.data.files import kind_of
from stir.data.sources import FOLDER_VARIABLE
from stir.errors import DatasetError
from stir.locks import take_lock
from stir.progress import progress_bar

RETRIES = 3
MOST_BYTES = 2**30
"""Of a file that is downloaded; the largest dataset's has a sixth of it."""
MOST_SECONDS = 3600
SECONDS_OF_SILENCE = 30
CHUNK = 2**16
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
    if (kind := kind_of(path)) not in ("a file", "nothing"):
        raise DatasetError(f"Expected {what} at {path}, or nothing; there is {kind}. Take it away, and it is downloaded.")
    try:
        downloader.fetch(path.name, downloader=_bounded(what))
    except (ValueError, OSError) as error:
        raise DatasetError(
            f"{what} is not at {path.parent}, and cannot be downloaded from {url}: {error}. "
            f"Put {path.name} there, from wherever you have it; {ELSEWHERE}"
        ) from error


class _TooMuch(OSError):
    """An answer that is too large, or takes too long; it is not asked for again."""


def _bounded(what: str) -> Callable[[str, Any, Any], None]:
    """Return what downloads a URL to a file, all attempts together within `MOST_SECONDS`."""
    deadline = time.monotonic() + MOST_SECONDS

    def get(url: str, output: Any, _: Any) -> None:
        # Not compressed on the way: bytes are counted, and these files are compressed themselves.
        answer = requests.get(url, stream=True, timeout=SECONDS_OF_SILENCE, headers={"Accept-Encoding": "identity"})
        with answer:
            answer.raise_for_status()
            with Path(output).open("wb") as file:
                _write(answer, file, what, deadline)

    return get


def _write(answer: requests.Response, file: IO[bytes], what: str, deadline: float) -> None:
    total, came = int(answer.headers.get("Content-Length", 0)), 0
    bar = progress_bar(f"Downloading {what}", total, unit="byte", show=total > 0)
    try:
        # As much as is there, so that the clock is looked at however slowly it comes; unpacked, if it is compressed.
        while chunk := answer.raw.read1(CHUNK, decode_content=True):
            came += len(chunk)
            if max(came, total) > MOST_BYTES:
                raise _TooMuch(f"it has more than {MOST_BYTES} bytes")
            if time.monotonic() > deadline:
                raise _TooMuch(f"it takes longer than {MOST_SECONDS} seconds")
            file.write(chunk)
            bar.update(len(chunk))
    except HTTPError as error:  # a connection that broke off
        raise requests.ConnectionError(str(error)) from error
    finally:
        bar.close()
