"""The example of docs/dvc.md, made once by its script, and clones of it to change."""

import subprocess
import sys

import pytest

from tests.dvc.clone import Clone, environment_of_nobody
from tests.experiment_files import ROOT
from tests.made_once import made_once


def make_example(folder):
    command = [sys.executable, "-m", "scripts.dvc_example", folder]
    said = folder / "said.txt"
    with said.open("w", encoding="utf-8") as file:
        ran = subprocess.run(
            command, cwd=ROOT, env=environment_of_nobody(folder), stdout=file, stderr=file, check=False, timeout=600
        )
    assert ran.returncode == 0, said.read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def origin(tmp_path_factory):
    """A repository in which `dvc repro` was run; its lock is committed, its files are in a remote. Only read it."""
    return Clone(made_once(tmp_path_factory, "dvc", make_example) / "origin")


@pytest.fixture
def clone(origin, tmp_path):
    """A fresh clone, without any artifact."""
    return origin.clone(tmp_path / "clone")


@pytest.fixture
def pulled(clone):
    """A fresh clone after `dvc pull`."""
    clone.run("dvc", "pull")
    return clone
