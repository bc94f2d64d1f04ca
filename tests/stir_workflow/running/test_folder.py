"""Leftovers of dead runs are cleared by the next run, unless another run is alive."""

import subprocess
import sys

import pytest

from stir_workflow.running.folder import enter_folder
from tests.experiment_files import ROOT

RUN = "import sys; from stir_workflow.running.folder import enter_folder; print(enter_folder(), flush=True); sys.stdin.read()"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def left_behind(folder):
    """The files that a killed Snakemake leaves."""
    marks = [
        folder / ".snakemake" / name
        for name in ("locks/0.input.lock", "locks/0.output.lock", "incomplete/cmVz", "incomplete/@a/b")
    ]
    for mark in marks:
        mark.parent.mkdir(parents=True, exist_ok=True)
        mark.write_text("results/x.h5\n")
    return marks


@pytest.fixture
def start():
    """Start runs in the current folder that last until they are told to end, or killed."""
    runs = []

    def start_run():
        run = subprocess.Popen(
            [sys.executable, "-c", RUN],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={"PYTHONPATH": str(ROOT / "workflow")},
        )
        runs.append(run)
        return run, run.stdout.readline().strip() == "True"

    yield start_run
    for run in runs:
        run.kill()
        run.wait()
        run.stdin.close()
        run.stdout.close()


def test_the_only_run_clears_locks_and_marks(left_behind, start):
    (folder,) = {mark.parents[1] for mark in left_behind[:3]}
    assert start()[1]
    assert not any(mark.exists() for mark in left_behind)
    assert (folder / "incomplete").is_dir(), "Snakemake takes its absence for an older version's folder"


def test_a_run_beside_another_leaves_them(start, left_behind):
    assert start()[1]
    left_behind[0].write_text("of the run that is alive")
    assert not start()[1]
    assert left_behind[0].exists()


@pytest.mark.parametrize("end", ["kill", "leave"])
def test_a_run_that_has_ended_is_no_other(start, left_behind, end):
    run, _ = start()
    left_behind[0].write_text("of a run that was killed")
    run.kill() if end == "kill" else run.stdin.close()
    run.wait()
    assert start()[1]
    assert not left_behind[0].exists()


def test_two_runs_that_stay_are_both_seen_by_a_third(start, left_behind):
    first, _ = start()
    start()
    first.kill()
    first.wait()
    left_behind[0].write_text("of the second")
    assert not start()[1]
    assert left_behind[0].exists()


def test_a_new_folder_is_entered(folder):
    assert enter_folder()
    assert (folder / ".snakemake" / "stir.lock").is_file()
