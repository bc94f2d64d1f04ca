"""Open HDF5 files, wherever they lie."""

from pathlib import Path

import h5py

from stir.locks import has_no_locks


def opened(path: Path, mode: str = "r") -> h5py.File:
    """Open an HDF5 file; without HDF5's own lock where the file system has none."""
    try:
        return h5py.File(path, mode)
    except OSError as error:
        if not has_no_locks(error):
            raise
        return h5py.File(path, mode, locking=False)
