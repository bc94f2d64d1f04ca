"""Clones that share data/ and results/ by links use them one after the other; runs of one clone, together."""

import errno
import fcntl
import multiprocessing
import os
import tempfile
import threading
import time
from pathlib import Path

import pytest

from stir import locks
from stir.errors import StorageError
from stir_workflow.running.folder import alone_in_folder, enter_folder
from stir_workflow.running.shared import NAME, SharedFolders

FORK = multiprocessing.get_context("fork")
NOBODY = 65534


@pytest.fixture
def a_run_in(tmp_path, monkeypatch):
    """Make a clone, if it is not there, and begin a run in it; ``links`` lead from its folders to those of all clones."""
    started = []

    def begin(name, links=("data", "results")):
        for folder in ("data", "results/iris"):
            (tmp_path / "shared" / folder).mkdir(parents=True, exist_ok=True)
            if not set(links) & {folder, folder.split("/")[0]}:
                (tmp_path / name / folder).mkdir(parents=True, exist_ok=True)
        for link in links:
            (tmp_path / name / link).parent.mkdir(parents=True, exist_ok=True)
            if not (tmp_path / name / link).is_symlink():
                (tmp_path / name / link).symlink_to(tmp_path / "shared" / link)
        monkeypatch.chdir(tmp_path / name)
        started.append(SharedFolders())
        return started[-1]

    yield begin
    for run in started:
        run.release()


@pytest.mark.parametrize("links", [["data", "results"], ["data"], ["results"], ["results/iris"]], ids="+".join)
def test_a_second_clone_is_told_of_the_first_until_that_has_ended(a_run_in, tmp_path, links):
    first, second = a_run_in("a", links), a_run_in("b", links)
    assert first.try_hold() is None
    assert str(tmp_path / "a") in second.try_hold()
    assert first.try_hold() is None, "the second holds nothing meanwhile"
    first.release()
    assert second.try_hold() is None
    assert str(tmp_path / "b") in first.try_hold()


def test_a_clone_that_others_link_to_is_one_of_them(a_run_in, tmp_path):
    a_run_in("c", links=())
    (tmp_path / "shared").rename(tmp_path / "of all")
    (tmp_path / "shared").symlink_to(tmp_path / "c")
    first, second = a_run_in("c", links=()), a_run_in("d")
    assert first.try_hold() is None
    assert str(tmp_path / "c") in second.try_hold()


def test_clones_that_share_nothing_hold_their_own(a_run_in):
    assert [a_run_in(name, links=()).try_hold() for name in "ab"] == [None, None]


def test_runs_of_one_clone_hold_them_together(a_run_in):
    first, second, other = a_run_in("a"), a_run_in("a"), a_run_in("b")
    assert [first.try_hold(), second.try_hold()] == [None, None]
    first.release()
    assert other.try_hold() is not None, "the second is still there"
    second.release()
    assert other.try_hold() is None


def test_a_run_waits_says_for_whom_and_goes_on(a_run_in, tmp_path, capsys):
    first, second = a_run_in("a"), a_run_in("b")
    assert not first.hold()
    timer = threading.Timer(1.5, first.release)
    timer.start()
    began = time.monotonic()
    assert second.hold()
    assert time.monotonic() - began > 1.5
    assert f"{tmp_path / 'a'} (" in capsys.readouterr().err
    timer.join()


def test_no_folder_is_made_before_there_are_jobs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shared = SharedFolders()
    assert shared.try_hold() is None
    assert list(tmp_path.iterdir()) == []
    shared.hold()
    assert {folder.name for folder in tmp_path.iterdir()} == {"data", "results"}
    shared.release()


@pytest.mark.parametrize("what", ["a link", "a folder", "a FIFO"])
def test_what_stands_in_the_lock_files_place_is_refused_by_name(a_run_in, tmp_path, what):
    run, place, precious = a_run_in("a"), tmp_path / "shared" / "data" / NAME, tmp_path / "precious"
    precious.write_text("precious", encoding="utf-8")
    {"a link": lambda: place.symlink_to(precious), "a folder": place.mkdir, "a FIFO": lambda: os.mkfifo(place)}[what]()
    with pytest.raises(StorageError, match=rf"Expected .*data/\{NAME} to be a lock file"):
        run.try_hold()
    assert precious.read_text(encoding="utf-8") == "precious"


def test_a_link_to_nothing_is_refused_before_jobs(a_run_in, tmp_path):
    run = a_run_in("a")
    (tmp_path / "shared" / "data").rmdir()
    with pytest.raises(StorageError, match=r"Expected a folder behind the link data; there is none at .*Mount or make it"):
        run.hold()
    assert not (tmp_path / "shared" / "data").exists()


@pytest.mark.parametrize("error", [errno.EROFS, errno.EACCES, errno.ENOSPC], ids=errno.errorcode.get)
def test_folders_that_cannot_be_written_to_are_looked_at(a_run_in, monkeypatch, error):
    def refuse(*_, **__):
        raise OSError(error, os.strerror(error))

    run = a_run_in("a")
    monkeypatch.setattr(os, "open", refuse)
    assert run.try_hold() is None


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be another user")
class TestOtherUsers:
    @pytest.fixture
    def tmp_path(self):
        """A folder that other users may enter: pytest's own are closed to them."""
        with tempfile.TemporaryDirectory() as folder:
            Path(folder).chmod(0o755)
            yield Path(folder)

    @pytest.mark.parametrize("mode", [0o666, 0o644], ids=oct)
    def test_they_are_seen(self, a_run_in, tmp_path, mode):
        """Also where the lock file is another's, and can only be read."""
        first, second = a_run_in("a"), a_run_in("b")
        for folder in (*(tmp_path / "shared").rglob("*"), tmp_path / "shared"):
            folder.chmod(0o777)
        assert first.try_hold() is None
        for lock in (tmp_path / "shared").rglob(NAME):
            assert lock.stat().st_mode & 0o777 == 0o666, "as the folder lets them"
            lock.chmod(mode)
        assert str(tmp_path / "a") in _as_nobody(second)
        first.release()
        assert _as_nobody(second) is None


def _as_nobody(run):
    ours, theirs = FORK.Pipe()

    def go():
        os.setuid(NOBODY)
        theirs.send(run.try_hold())

    fork = FORK.Process(target=go)
    fork.start()
    theirs.close()  # so that a process that failed is no process to wait for
    answer = ours.recv()
    fork.join()
    return answer


class TestWithoutLocks:
    @pytest.fixture(autouse=True, params=[errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP], ids=errno.errorcode.get)
    def no_locks(self, request, monkeypatch):
        def no_flock(*_):
            raise OSError(request.param, os.strerror(request.param))

        monkeypatch.setattr(fcntl, "flock", no_flock)
        monkeypatch.setenv(locks.WARNED, "")
        monkeypatch.delenv(locks.WARNED)

    def test_a_run_goes_on_after_one_warning(self, a_run_in, capsys):
        run = a_run_in("a")
        assert not enter_folder(), "Snakemake's own locks stand: nothing says that they are of dead runs"
        assert not run.hold()
        with alone_in_folder() as alone:
            assert alone
        said = capsys.readouterr().err
        assert said.count("warning: ") == 1
        assert "has no locks" in said
        assert "one run" in said


def test_nothing_is_pruned_under_another_clones_run(a_run_in):
    first = a_run_in("a")
    first.hold()
    second = a_run_in("b")
    with alone_in_folder() as alone:
        assert not alone
    first.release()
    with alone_in_folder() as alone:
        assert alone
        assert first.try_hold() is not None, "nor does a run begin"
    assert first.try_hold() is None
    second.release()
