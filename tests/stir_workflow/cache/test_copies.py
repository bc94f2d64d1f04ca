"""A file has a copy if DVC can restore its content, from an intact file in its cache or from a queried remote."""

import shutil
from pathlib import Path

import pytest
from dvc.repo import Repo

from stir_workflow.cache.copies import CopiesError, dvc_copies
from tests.stir_workflow.cache.conftest import make_unneeded

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:dvc.*")


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    """A DVC repository that tracks results/iris."""
    folder = tmp_path_factory.mktemp("repository")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        Repo.init(no_scm=True).close()
        make_unneeded(folder)
        with Repo() as repo:
            repo.add("results/iris")
    return folder


def configure(section, **options):
    lines = [f"    {name} = {value}" for name, value in options.items()]
    with Path(".dvc/config").open("a", encoding="utf-8") as file:
        file.write("\n".join([f"[{section}]", *lines, ""]))


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
    configure("cache", type=link)
    with Repo() as repo:
        repo.checkout(relink=True)
    assert tracked.is_symlink() == (link == "symlink")
    assert held(tracked)


def test_the_cache_may_lie_elsewhere(tracked, tmp_path):
    Path(".dvc/cache").rename(tmp_path / "shared")
    assert not held(tracked)
    configure("cache", dir=tmp_path / "shared")
    assert held(tracked)


def test_a_remote_counts_if_it_is_asked(tracked, tmp_path):
    configure("'remote \"store\"'", url=tmp_path / "store")
    with Repo() as repo:
        repo.push(remote="store")
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
