"""A lock belongs to one process; if a file system has no locks, there is a warning, and the work continues."""

import errno
import fcntl
import multiprocessing
import os
import re
import warnings

import h5py
import pytest

from stir import locks
from stir.data.downloads import locked
from stir.inversion.snapshot import InversionSnapshot
from stir.locks import take_lock
from stir_workflow.stages.gpu_lease import leased_gpu
from stir_workflow.store.hdf5 import opened
from tests.experiment_files import ROOT

FORK = multiprocessing.get_context("fork")
ERRORS = [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP]


@pytest.fixture(params=ERRORS, ids=errno.errorcode.get)
def without_locks(request, monkeypatch):
    """Simulate a file system without locks; HDF5 locks by itself."""

    def no_flock(*_):
        raise OSError(request.param, os.strerror(request.param))

    def no_hdf5_lock(path, mode="r", locking=True):
        return unlocked(path, mode, locking=False) if not locking else no_flock()

    unlocked = h5py.File
    monkeypatch.setattr(fcntl, "flock", no_flock)
    monkeypatch.setattr(h5py, "File", no_hdf5_lock)
    monkeypatch.setenv(locks.WARNED, "")
    monkeypatch.delenv(locks.WARNED)


@pytest.fixture
def is_free(tmp_path):
    """Whether another process can take the lock."""

    def ask():
        with FORK.Pool(1) as pool:
            return pool.apply(_is_free, (tmp_path / "a.lock",))

    return ask


def _is_free(path):
    warnings.simplefilter("ignore")
    return take_lock(path, wait=False) is not None


def test_a_lock_is_one_processs(tmp_path, is_free):
    lock = take_lock(tmp_path / "a.lock")
    assert not is_free()
    lock.release()
    assert is_free()
    assert is_free(), "it ended with the process that had it"


def test_without_locks_a_file_stands_in_that_ends_with_its_process(tmp_path, without_locks, is_free):
    with pytest.warns(UserWarning, match=r"The file system of .*a\.lock has no locks \(.*\)\. Files .* one node"):
        lock = take_lock(tmp_path / "a.lock")
    assert not is_free()
    lock.release()
    assert is_free()
    assert is_free(), "what a process left that has ended is taken over"


def test_that_is_said_once(tmp_path, without_locks):
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        take_lock(tmp_path / "a.lock").release()
        with locked(tmp_path / "downloads"), leased_gpu(["0"], folder=tmp_path):
            pass
    assert len(said) == 1


def test_another_error_is_no_lack_of_locks(tmp_path):
    with pytest.raises(IsADirectoryError):
        take_lock(tmp_path, wait=False)


def test_hdf5_files_are_written_and_read_without_locks(tmp_path, without_locks):
    import torch

    with opened(tmp_path / "x.h5", "w") as file:
        file["x"] = 1
    with opened(tmp_path / "x.h5") as file:
        assert file["x"][()] == 1
    for _ in range(2):
        snapshot = InversionSnapshot(tmp_path / "snapshot")
        assert snapshot.pictures((2, 1, 4, 4), torch.float32).shape == (2, 1, 4, 4)
        snapshot._pictures.close()


def test_no_other_place_opens_hdf5_with_its_lock():
    """All files are opened by `opened`, except those with a temporary name, which HDF5 does not lock; and by examples."""
    example = re.compile(r"^ *(>>>|\.\.\.).*\n", re.MULTILINE)
    files = [path for path in (ROOT / "stir").rglob("*.py") if "h5py.File(" in example.sub("", path.read_text(encoding="utf-8"))]
    assert files == [ROOT / "stir" / "hdf5.py"]
