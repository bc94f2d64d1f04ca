"""One full run of the tiny experiment, and copies of it to change."""

import shutil

import pytest

from tests.experiment_files import TINY, read_yaml
from tests.made_once import made_once
from tests.workflow.snakemake import snakemake


def run_tiny(folder):
    shutil.copy(TINY, folder)
    ran = snakemake(folder, "tiny.yaml")
    assert ran.code == 0, ran.text
    (folder / "said.txt").write_text(ran.text, encoding="utf-8")


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """The folder of a run that is done. Look at it; change a copy."""
    return made_once(tmp_path_factory, "finished", run_tiny)


@pytest.fixture
def copied(finished, tmp_path):
    """A copy of the folder of a run that is done."""
    return shutil.copytree(finished, tmp_path / "copied")


@pytest.fixture
def tiny():
    """What the experiment file says."""
    return read_yaml(TINY)
