"""Folders that are expensive to make, made once for all workers of pytest-xdist."""

import os
import shutil

from filelock import FileLock


def made_once(tmp_path_factory, name, make):
    """Return a folder that `make(folder)` filled; the other workers wait for the first and then share it: only read it."""
    root = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent
    folder, done = root / name, root / f"{name}.done"
    with FileLock(root / f"{name}.lock"):
        if not done.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            make(folder)
            done.touch()
    return folder
