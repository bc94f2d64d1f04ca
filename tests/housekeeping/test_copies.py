"""A copy is one if DVC can give back the very content: in its cache, unharmed, or in a remote that is asked."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from housekeeping.copies import CopiesError, dvc_copies
from tests.housekeeping.conftest import make_unneeded


def dvc(*arguments):
    ran = subprocess.run([sys.executable, "-m", "dvc", *arguments], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    """A DVC repository that tracks results/iris."""
    folder, before = tmp_path_factory.mktemp("repository"), Path.cwd()
    os.chdir(folder)
    dvc("init", "--no-scm", "--quiet")
    dvc("config", "core.analytics", "false")
    make_unneeded(folder)
    dvc("add", "results/iris")
    os.chdir(before)
    return folder


@pytest.fixture
def tracked(repository, tmp_path, monkeypatch):
    """The current folder, a copy of that repository, and its file."""
    folder = shutil.copytree(repository, tmp_path / "copy")
    monkeypatch.chdir(folder)
    (file,) = (folder / "results" / "iris" / "model").glob("*.h5")
    return file.relative_to(folder)


def held(file, **arguments):
    with dvc_copies(**arguments) as has_copy:
        return has_copy(file)


def cached(folder=Path()):
    return [file for file in (folder / ".dvc" / "cache" / "files").rglob("*") if file.is_file()]


def test_what_dvc_tracks_has_a_copy(tracked):
    assert held(tracked)


def test_what_was_changed_or_made_since_has_none(tracked):
    tracked.write_text("changed")
    assert not held(tracked)
    assert not held(make_unneeded(Path.cwd(), "stage4"))


def test_a_copy_that_was_cut_or_altered_is_none(tracked):
    for file in cached():
        file.chmod(0o644)
        file.write_bytes(file.read_bytes()[:-1])
    assert not held(tracked)


def test_a_copy_that_is_gone_is_none(tracked):
    for file in cached():
        file.unlink()
    assert not held(tracked)


@pytest.mark.parametrize("link", ["symlink", "hardlink"])
def test_a_link_into_the_cache_has_a_copy(tracked, link):
    dvc("config", "cache.type", link)
    dvc("checkout", "--relink")
    assert tracked.is_symlink() == (link == "symlink")
    assert held(tracked)


def test_the_cache_may_lie_elsewhere(tracked, tmp_path):
    Path(".dvc/cache").rename(tmp_path / "shared")
    assert not held(tracked)
    dvc("cache", "dir", str(tmp_path / "shared"))
    assert held(tracked)


def test_a_remote_counts_if_it_is_asked(tracked, tmp_path):
    dvc("remote", "add", "store", str(tmp_path / "store"))
    dvc("push", "--remote", "store")
    for file in cached():
        file.unlink()
    assert not held(tracked)
    assert held(tracked, remote="store")
    assert not held(make_unneeded(Path.cwd(), "stage4"), remote="store")


def test_an_unknown_remote_is_said(tracked):
    with pytest.raises(CopiesError, match="sture"):
        held(tracked, remote="sture")


def test_where_there_is_no_repository_it_is_said(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CopiesError, match="prune --without-copy"):
        held(Path("x"))
