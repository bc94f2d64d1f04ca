"""Checkpoints by URL, kept in the user's cache folder."""

import hashlib
import re
from pathlib import Path
from urllib.parse import urlsplit

from stir import downloads
from stir.errors import CheckpointError
from stir.models.messages import one_line
from stir.names import shown

MAX_BYTES = 50 * 10**9
MAX_SECONDS = 4 * 3600.0


def download(url: str, sha256: str | None) -> Path:
    """Return a file of the user's cache folder with what a URL leads to.

    With ``sha256`` it is downloaded once. The file's name is of the whole URL, and it appears whole or not at all.

    Raises
    ------
    CheckpointError
        Naming the URL, if it cannot be had within the bounds, or has another SHA-256.
    """
    import pooch  # imports requests, which takes a tenth of a second

    digest = None if sha256 is None else ("sha256", sha256)
    try:
        path = Path(pooch.os_cache("stir")) / _cache_name(url)
        path.parent.mkdir(parents=True, exist_ok=True)
        downloads.download(url, path, what=shown(url)[-60:], digest=digest, max_bytes=MAX_BYTES, max_seconds=MAX_SECONDS)
    except (OSError, ValueError) as error:
        reason = (one_line(error) or type(error).__name__).rstrip(".")
        raise CheckpointError(
            f"Cannot get the checkpoint from {shown(url)}: {reason}. Check the URL, or download it by hand."
        ) from error
    return path


def _cache_name(url: str) -> str:
    """Return a name that no other URL has, and that ends as the URL does."""
    ending = re.sub(r"[^A-Za-z0-9._-]", "_", urlsplit(url).path.rpartition("/")[2])[-60:]
    return f"{hashlib.sha256(url.encode()).hexdigest()[:32]}-{ending}"
