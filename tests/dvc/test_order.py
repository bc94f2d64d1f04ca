"""The order of commands in docs/dvc.md: run, commit, push; then pull, in another clone and in the same one."""

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


def test_what_a_run_made_is_pushed_once_it_is_committed(run_by_snakemake, origin, tmp_path):
    made = {file: file.read_bytes() for file in run_by_snakemake.files()}
    assert run_by_snakemake.due() == {}
    run_by_snakemake.run("dvc", "commit", "--force")
    run_by_snakemake.run("git", "commit", "--quiet", "--allow-empty", "--message", "Run it", "dvc.lock")
    run_by_snakemake.run("dvc", "push")
    assert len(objects(tmp_path)) >= len({*made.values()})
    run_by_snakemake.run("dvc", "pull")
    assert {file: file.read_bytes() for file in run_by_snakemake.files()} == made, "nothing is removed"

    other = run_by_snakemake.clone(tmp_path / "other")
    other.run("dvc", "remote", "add", "--local", "--default", "own", tmp_path / "own")
    other.run("dvc", "pull")
    assert [file.read_bytes() for file in other.files()] == list(made.values())
    assert other.due() == {}


def test_nothing_of_it_is_pushed_before(run_by_snakemake, tmp_path):
    """If this fails, DVC records the files of a run by itself, and docs/dvc.md need not require a commit."""
    run_by_snakemake.run("dvc", "push")
    assert objects(tmp_path) == []
