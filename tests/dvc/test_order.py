"""The order that docs/dvc.md gives: run, commit, push; then pull, elsewhere and here."""

import shutil

import pytest


@pytest.fixture
def run_by_snakemake(origin, clone, tmp_path):
    """A clone as `make run` leaves it: the files are there, and DVC has not seen them; its remote is empty."""
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
    """If this fails, DVC takes up by itself what a run made, and docs/dvc.md need not ask for a commit."""
    run_by_snakemake.run("dvc", "push")
    assert objects(tmp_path) == []
