"""One `dvc repro` of the tiny experiment, pushed to a folder, and clones of it to change."""

import pytest

from tests.dvc.clone import Clone, new_repository
from tests.made_once import made_once


def reproduce_and_push(folder):
    (folder / "origin").mkdir()
    repository = new_repository(folder / "origin")
    repository.run("dvc", "remote", "add", "--default", "store", folder / "store")
    repository.run("dvc", "remote", "modify", "store", "verify", "true")
    (folder / "said.txt").write_text(repository.run("dvc", "repro"), encoding="utf-8")
    repository.commit("Run it")
    repository.run("dvc", "push")


@pytest.fixture(scope="session")
def origin(tmp_path_factory):
    """A repository in which `dvc repro` was run; its lock is committed, its files are in a remote. Only read it."""
    return Clone(made_once(tmp_path_factory, "dvc", reproduce_and_push) / "origin")


@pytest.fixture
def clone(origin, tmp_path):
    """A fresh clone, without any artifact."""
    return origin.clone(tmp_path / "clone")


@pytest.fixture
def pulled(clone):
    """A fresh clone after `dvc pull`."""
    clone.run("dvc", "pull")
    return clone
