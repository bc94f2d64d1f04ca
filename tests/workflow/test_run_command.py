"""`stir run` ends with the scores and the paths, or with each failed job's message, once and without JSON."""

import signal
import subprocess
import sys
import time

import pytest

from tests.experiment_files import edited, write_yaml

COMMAND = [sys.executable, "-m", "stir_workflow", "run", "tiny.yaml", "--device", "cpu", "--cores", "2"]


def run(folder):
    return subprocess.run(COMMAND, capture_output=True, text=True, cwd=folder, check=False, timeout=600)


def test_a_finished_experiment_ends_with_its_scores_and_their_places(copied):
    ran = run(copied)
    assert ran.returncode == 0, ran.stderr
    assert "STIR, penultimate, linear_cka, digits" in ran.stdout
    places = "Tables: results/tables/tiny*.csv   Figures: results/figures/tiny-*.png   Report: results/report/tiny.html"
    assert ran.stdout.splitlines()[-1] == places
    assert "Nothing to be done" in ran.stderr


def test_a_failing_job_ends_with_its_message_once_and_the_others_run(copied, tiny):
    write_yaml(copied / "tiny.yaml", edited(tiny, {"inversion.minimum_converged_fraction": 1.0, "inversion.max_iterations": 1}))
    ran = run(copied)
    assert ran.returncode == 1
    assert ran.stdout == ""
    for model in ("digits-resnet8-vanilla-0", "digits-vgg6-at-0"):
        said = f"error: score {model}.lbfgs: Expected at least 100% of the images to reach the tolerance"
        assert ran.stderr.count(said) == 1
        assert ran.stderr.count(f"[stir] failed: score {model}.lbfgs-") == 1
    assert ran.stderr.count("  layer penultimate, random seed 0: ") == 2
    assert "[stir] 2 jobs failed, each for the error above. Finished files are kept" in ran.stderr
    assert not {"{", "CalledProcessError", "Traceback"} & set(ran.stderr.split())
    own = [line for line in ran.stderr.splitlines() if "jobid" in line or line.startswith("[stir]") or "steps (" in line]
    assert len(own) <= 2 * (4 + 2 + 2) + 4, "at most two lines per job"


def _left(session):
    """Return the processes of a session."""
    return subprocess.run(["pgrep", "-s", str(session)], capture_output=True, text=True, check=False).stdout.split()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -signal.SIGKILL)])
def test_an_interrupted_run_ends_with_all_its_processes_and_continues(copied, number, code):
    iris = copied / "results" / "iris"
    for file in iris.rglob("*.*"):
        if file.is_file():
            file.unlink()
    with (copied / "said.txt").open("w") as said:
        process = subprocess.Popen(COMMAND, stdout=said, stderr=said, cwd=copied, start_new_session=True)
        deadline = time.monotonic() + 300
        while " jobs: 4 inversion" not in (copied / "said.txt").read_text() and time.monotonic() < deadline:
            time.sleep(0.1)
        process.send_signal(number)
        assert process.wait(timeout=120) == code
    while _left(process.pid) and time.monotonic() < deadline:
        time.sleep(0.5)
    assert not _left(process.pid)
    assert len(list(iris.rglob("*.h5"))) < 4, "it did not run on to the end"
    text = (copied / "said.txt").read_text()
    assert "Traceback" not in text
    if number != signal.SIGKILL:
        assert text.splitlines()[-1] == "[stir] interrupted: finished files are kept; the same command continues."
    assert run(copied).returncode == 0
