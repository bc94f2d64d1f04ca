"""Files from the web: whole or not at all, verified, with bounds on their size and on the time.

Requests is imported when something is downloaded, since every job imports this file, and few download.
"""

import os
import re
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from stir.digests import digest_of
from stir.files import temporary_beside
from stir.progress import progress_bar

PATIENCE = 60.0
"""Seconds in which at least `LEAST_BYTES` must arrive."""
LEAST_BYTES = 60_000
RETRY_AFTER = (1.0, 2.0, 3.0)
"""Seconds between attempts."""
CHUNK = 2**16
MEGABYTE = 10**6
SHOW_AFTER = 2.0


class GivenUp(OSError):
    """A download that is too large or takes too long; it is not tried again."""


@dataclass
class _Transfer:
    """A download in progress, as the thread that downloads and the one that waits see it."""

    url: str
    max_bytes: int
    max_seconds: float
    started: float
    """When the first attempt began."""
    arrived: int = 0
    expected: int = 0
    error: BaseException | None = None
    given_up: threading.Event = field(default_factory=threading.Event)

    def check_size(self, size: int) -> None:
        """Give up on a file that is too large."""
        if size > self.max_bytes:
            raise GivenUp(f"it has more than {self.max_bytes:,} bytes")


def download(url: str, path: Path, *, what: str, digest: tuple[str, str] | None, max_bytes: int, max_seconds: float) -> None:
    """Download a file, unless a file with the expected digest is there; it appears whole or not at all.

    Attempts that fail are repeated, all within the bounds.

    Parameters
    ----------
    url : str
        An http(s) URL; redirects to others are followed.
    path : Path
        Where to put it; a file there is replaced.
    what : str
        Name of the download in the progress bar.
    digest : tuple of str, optional
        Algorithm of `hashlib` and expected digest. Without it the file is always downloaded.
    max_bytes : int
        Of the file, unpacked where the server compressed it.
    max_seconds : float
        For all attempts together.

    Raises
    ------
    OSError or ValueError
        If it cannot be had within the bounds, or has another digest.
    """
    if digest is not None and path.is_file() and digest_of(path, digest[0]) == digest[1].lower():
        return
    started = time.monotonic()
    for pause in (*RETRY_AFTER, None):
        try:
            with temporary_beside(path) as temporary:
                _fetch(_Transfer(url, max_bytes, max_seconds, started), temporary, what)
                _check_digest(temporary, digest)
                temporary.replace(path)
            return
        except GivenUp:
            raise
        except OSError:  # requests' own errors are OSErrors, too
            if pause is None:
                raise
            time.sleep(pause)


def _check_digest(file: Path, digest: tuple[str, str] | None) -> None:
    if digest is None:
        return
    algorithm, expected = digest
    if (came := digest_of(file, algorithm)) != expected.lower():
        name = {"sha256": "SHA-256", "md5": "MD5"}.get(algorithm, algorithm)
        raise OSError(f"expected {name} {expected}; got {came}: the hash of another file, or of an altered one")


def _fetch(transfer: _Transfer, temporary: Path, what: str) -> None:
    """Download in a thread, so that a server that says nothing, or a byte now and then, is left in time."""
    with temporary.open("wb") as file:
        thread = threading.Thread(target=_run, args=(transfer, file), daemon=True)
        thread.start()
        try:
            _watch(thread, transfer, what)
        finally:
            transfer.given_up.set()
        file.flush()
        os.fsync(file.fileno())
    if transfer.error is not None:
        raise transfer.error


def _watch(thread: threading.Thread, transfer: _Transfer, what: str) -> None:
    """Wait for the end of a transfer, and show how far it is."""
    since, before = time.monotonic(), 0
    with progress_bar(f"Downloading {what}", 0, unit="megabyte", delay=SHOW_AFTER) as bar:
        while thread.is_alive():
            thread.join(min(0.2, PATIENCE / 2))
            now = time.monotonic()
            _show(bar, transfer)
            if transfer.arrived - before >= LEAST_BYTES:
                since, before = now, transfer.arrived
            if thread.is_alive() and now - since > PATIENCE:
                raise GivenUp(f"under {LEAST_BYTES:,} bytes arrived in {PATIENCE:g} s")
            if thread.is_alive() and now - transfer.started > transfer.max_seconds:
                raise GivenUp(f"it takes more than {transfer.max_seconds:g} s; {transfer.arrived:,} bytes arrived")
        _show(bar, transfer)


def _show(bar: Any, transfer: _Transfer) -> None:
    bar.total = transfer.expected // MEGABYTE or None
    bar.update(transfer.arrived // MEGABYTE - bar.n)


def _run(transfer: _Transfer, file: IO[bytes]) -> None:
    import requests
    from urllib3.exceptions import HTTPError

    try:
        # Not compressed on the way: bytes are counted, and such files are compressed themselves.
        with requests.get(transfer.url, stream=True, timeout=PATIENCE, headers={"Accept-Encoding": "identity"}) as response:
            response.raise_for_status()
            length = response.headers.get("Content-Length", "")
            transfer.expected = int(length) if re.fullmatch(r"[0-9]{1,19}", length) else 0
            transfer.check_size(transfer.expected)
            _copy(response.raw, file, transfer)
    except HTTPError as error:  # a connection that broke off
        transfer.error = OSError(str(error))
    except BaseException as error:  # it is raised again by the thread that waits
        transfer.error = error


def _copy(raw: Any, file: IO[bytes], transfer: _Transfer) -> None:
    # As much as is there, however slowly it arrives; unpacked, if the server compressed it all the same.
    while chunk := raw.read1(CHUNK, decode_content=True):
        if transfer.given_up.is_set():
            return
        transfer.arrived += len(chunk)
        transfer.check_size(transfer.arrived)
        file.write(chunk)
