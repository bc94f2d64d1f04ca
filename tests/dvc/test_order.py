"""Why docs/dvc.md says to commit before a push; test_page.py runs its commands in their order."""

import shutil

import pytest


@pytest.fixture
def run_by_snakemake(origin, clone, tmp_path):
    """A clone after `make run`: the files exist, but DVC does not know them; its remote is empty."""
    for part in ("data", "results"):
        shutil.copytree(origin.path / part, clone.path / part, dirs_exist_ok=True)
    clone.run("dvc", "remote", "add", "--local", "--default", "own", tmp_path / "own")
    return clone


def objects(tmp_path):
    return [file for file in (tmp_path / "own").rglob("*") if file.is_file()]


def test_nothing_of_it_is_pushed_before(run_by_snakemake, tmp_path):
    """If this fails, DVC records the files of a run by itself, and docs/dvc.md need not require a commit."""
    run_by_snakemake.run("dvc", "push")
    assert objects(tmp_path) == []
