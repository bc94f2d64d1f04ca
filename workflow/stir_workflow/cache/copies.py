"""Check whether DVC has a copy of a file, so that it can be restored from any commit that records it."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from stir.errors import StirError
from stir.files import open_file

HasCopy = Callable[[Path], bool]


class CopiesError(StirError):
    """DVC is not available."""


@contextmanager
def dvc_copies(remote: str | None = None) -> Iterator[HasCopy]:
    """Open the DVC repository of the current folder; yield a function that returns whether it has a file's content.

    A copy in DVC's cache is read and compared; a remote is queried for an object with that MD5.

    Parameters
    ----------
    remote : str, optional
        Name of a remote to query in addition to the cache.

    Raises
    ------
    CopiesError
        If there is no repository, DVC is not installed, or the remote is unknown.
    """
    try:
        from dvc.exceptions import DvcException
        from dvc.repo import Repo
    except ImportError as error:
        raise CopiesError(f"DVC is not installed ({error}). Install it, or prune --without-copy.") from error
    try:
        with Repo() as repo:
            cache = repo.cache.local
            stores = [repo.cloud.get_remote_odb(remote)] if remote else []
            yield lambda file: _has(file, cache.oid_to_path, [store.exists for store in stores])
    except DvcException as error:
        raise CopiesError(f"DVC's copies cannot be queried: {error} Or prune --without-copy.") from error


def _has(file: Path, place_of: Callable[[str], str], remotes: list[Callable[[str], bool]]) -> bool:
    """Return whether DVC's cache has an intact copy of a file's content, or a remote has it."""
    md5 = _md5(file)
    return md5 is not None and (_md5(Path(place_of(md5))) == md5 or any(exists(md5) for exists in remotes))


def _md5(file: Path) -> str | None:
    """Return the hash by which DVC names the content, or None if the file cannot be read."""
    try:
        with open_file(file) as content:
            return hashlib.file_digest(content, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    except OSError:
        return None
