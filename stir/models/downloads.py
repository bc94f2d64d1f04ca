"""Get a checkpoint from the web: whole or not at all, with a bound on its size and on the time."""

import hashlib
import os
import re
import secrets
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

import pooch
import requests
from urllib3.exceptions import HTTPError

from stir.digests import sha256_of
from stir.errors import CheckpointError
from stir.models.weight_files import one_line, shown
from stir.progress import progress_bar

MAX_BYTES = 50 * 10**9
MAX_SECONDS = 4 * 3600.0
PATIENCE = 60.0
"""Seconds in which at least `LEAST_BYTES` must arrive."""
LEAST_BYTES = 60_000
RETRY_AFTER = (1.0, 2.0, 3.0)
"""Seconds between attempts."""
CHUNK = 2**16
MEGABYTE = 10**6
SHOW_AFTER = 2.0


def download(url: str, sha256: str | None) -> Path:
    """Return a file of the user's cache folder with what a URL leads to.

    With ``sha256`` it is downloaded once. The file's name is of the whole URL, and it appears whole or not at all.

    Raises
    ------
    CheckpointError
        Naming the URL, if it cannot be had within the bounds, or has another SHA-256.
    """
    try:
        path = Path(pooch.os_cache("stir")) / _cache_name(url)
        if sha256 is not None and path.is_file() and sha256_of(path) == sha256.lower():
            return path
        path.parent.mkdir(parents=True, exist_ok=True)
        return _with_retries(url, sha256, path)
    except (OSError, ValueError, HTTPError) as error:
        if isinstance(error, CheckpointError):
            raise
        raise _refusal(url, one_line(error) or type(error).__name__) from error


def _cache_name(url: str) -> str:
    """Return a name that no other URL has, and that ends as the URL does."""
    ending = re.sub(r"[^A-Za-z0-9._-]", "_", urlsplit(url).path.rpartition("/")[2])[-60:]
    return f"{hashlib.sha256(url.encode()).hexdigest()[:32]}-{ending}"


def _refusal(url: str, reason: str) -> CheckpointError:
    return CheckpointError(
        f"Cannot get the checkpoint from {shown(url)}: {reason.rstrip('.')}. Check the URL, or download it by hand."
    )


def _with_retries(url: str, sha256: str | None, path: Path) -> Path:
    """Try a few times, as servers and connections fail for a moment."""
    started = time.monotonic()
    for pause in (*RETRY_AFTER, None):
        temporary = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.part")
        try:
            _fetch(url, temporary, started + MAX_SECONDS)
            if sha256 is not None and (came := sha256_of(temporary)) != sha256.lower():
                raise OSError(f"expected SHA-256 {sha256}; got {came}: the hash of another file, or of an altered one")
            temporary.replace(path)
            return path
        except (OSError, HTTPError):  # requests' own errors are OSErrors, too
            if pause is None:
                raise
            time.sleep(pause)
        finally:
            temporary.unlink(missing_ok=True)
    raise AssertionError("unreachable")


@dataclass
class _Transfer:
    """What the thread that downloads has come to."""

    arrived: int = 0
    expected: int = 0
    error: BaseException | None = None
    given_up: threading.Event = field(default_factory=threading.Event)


def _fetch(url: str, temporary: Path, deadline: float) -> None:
    """Download in a thread, so that a server that says nothing, or a byte now and then, is left in time."""
    transfer = _Transfer()
    with temporary.open("xb") as file:
        thread = threading.Thread(target=_run, args=(url, file, transfer), daemon=True)
        thread.start()
        try:
            _watch(url, thread, transfer, deadline)
        finally:
            transfer.given_up.set()
        file.flush()
        os.fsync(file.fileno())
    if transfer.error is not None:
        raise transfer.error


def _watch(url: str, thread: threading.Thread, transfer: _Transfer, deadline: float) -> None:
    """Wait for the end of a transfer, and show how far it is."""
    since, before = time.monotonic(), 0
    with progress_bar(f"downloading {shown(url)[-60:]}", 0, unit="megabyte", delay=SHOW_AFTER) as bar:
        while thread.is_alive():
            thread.join(min(0.2, PATIENCE / 2))
            now = time.monotonic()
            bar.total = transfer.expected // MEGABYTE or None
            bar.update(transfer.arrived // MEGABYTE - bar.n)
            if transfer.arrived - before >= LEAST_BYTES:
                since, before = now, transfer.arrived
            if thread.is_alive() and now - since > PATIENCE:
                raise _refusal(url, f"under {LEAST_BYTES:,} bytes arrived in {PATIENCE:g} s")
            if thread.is_alive() and now > deadline:
                raise _refusal(url, f"it takes more than {MAX_SECONDS:g} s; {transfer.arrived:,} bytes arrived")


def _run(url: str, file: IO[bytes], transfer: _Transfer) -> None:
    try:
        with requests.get(url, stream=True, timeout=PATIENCE) as response:
            response.raise_for_status()
            length = response.headers.get("Content-Length", "")
            transfer.expected = int(length) if re.fullmatch(r"[0-9]{1,19}", length) else 0
            _check_size(url, transfer.expected)
            _copy(url, response.raw, file, transfer)
    except BaseException as error:  # it is raised again by the thread that waits
        transfer.error = error


def _copy(url: str, raw: Any, file: IO[bytes], transfer: _Transfer) -> None:
    while chunk := raw.read1(CHUNK, decode_content=True):
        if transfer.given_up.is_set():
            return
        transfer.arrived += len(chunk)  # as unpacked, where the server compressed it
        _check_size(url, transfer.arrived)
        file.write(chunk)


def _check_size(url: str, size: int) -> None:
    if size > MAX_BYTES:
        raise _refusal(url, f"it has more than {MAX_BYTES:,} bytes")
