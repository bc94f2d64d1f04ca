"""One full run of the tiny experiment, and copies of it to change."""

import shutil

import pytest

from tests.experiment_files import TINY, read_yaml
from tests.workflow.snakemake import snakemake


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """The folder of a run that is done. Look at it; change a copy."""
    folder = tmp_path_factory.mktemp("finished")
    shutil.copy(TINY, folder)
    ran = snakemake(folder, "tiny.yaml")
    assert ran.code == 0, ran.text
    (folder / "said.txt").write_text(ran.text, encoding="utf-8")
    return folder


@pytest.fixture
def copied(finished, tmp_path):
    """A copy of the folder of a run that is done."""
    return shutil.copytree(finished, tmp_path / "copied")


@pytest.fixture
def tiny():
    """What the experiment file says."""
    return read_yaml(TINY)
