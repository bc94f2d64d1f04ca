"""Open HDF5 files on any file system."""

from pathlib import Path

import h5py

from stir.locks import has_no_locks


def opened(path: Path, mode: str = "r") -> h5py.File:
    """Open an HDF5 file, without HDF5's own lock if the file system has no locks."""
    try:
        return h5py.File(path, mode)
    except OSError as error:
        if not has_no_locks(error):
            raise
        return h5py.File(path, mode, locking=False)
