"""After any kill at any time, the same command makes the same files."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter

import psutil
import pytest

from stir_workflow.store.artifacts import checked
from tests.experiment_files import ROOT, TINY
from tests.workflow.snakemake import PROFILE, contents, planned, snakemake

RANDOM_SEED = 20221125
WHOLE_RUN_SECONDS = 15.0
WHAT = ("a job", "snakemake", "the process group")


def start(folder):
    """Start a run in a process group of its own."""
    command = [
        sys.executable,
        "-m",
        "snakemake",
        "--snakefile",
        ROOT / "Snakefile",
        "--workflow-profile",
        PROFILE,
        "--cores",
        "2",
    ]
    command += ["--config", "experiment=tiny.yaml", "device=cpu"]
    with (folder / "said.txt").open("ab") as said:
        return subprocess.Popen(
            command,
            cwd=folder,
            stdout=said,
            stderr=said,
            start_new_session=True,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        )


def processes_in(folder):
    """Return every process that works in a folder, whoever its parent is."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.status() != psutil.STATUS_ZOMBIE and process.cwd() == str(folder):
                found.append(process)
        except psutil.Error:
            continue
    return found


def kill(run, folder, what, chance):
    """Send SIGKILL; return whether there was anything to kill."""
    if run.poll() is not None:
        return False
    if what == "a job":
        jobs = [process for process in processes_in(folder) if process.pid != run.pid]
        if not jobs:
            return False
        chance.choice(jobs).kill()
    elif what == "snakemake":
        run.kill()
    else:
        os.killpg(run.pid, signal.SIGKILL)
    return True


def assert_nothing_runs_on(run, folder, what):
    if what == "a job":
        run.wait(timeout=120)
    run.wait(timeout=30)
    left = processes_in(folder)
    until = time.monotonic() + 20
    while left and time.monotonic() < until:
        time.sleep(0.1)
        left = processes_in(folder)
    assert left == [], f"orphans after {what} was killed"


def assert_no_half_file(folder):
    for path in planned(folder).paths():
        if (folder / path).exists():
            assert checked(folder / path)


def crash_and_rerun(folder, n_kills, chance, expected):
    """Kill runs repeatedly at random times; return the killed processes, and how often a run ended normally."""
    killed, finished = Counter(), 0
    while killed.total() < n_kills:
        run, what = start(folder), chance.choice(WHAT)
        try:
            run.wait(timeout=chance.uniform(0.0, WHOLE_RUN_SECONDS))
        except subprocess.TimeoutExpired:
            killed[what] += kill(run, folder, what, chance)
        assert_nothing_runs_on(run, folder, what)
        assert_no_half_file(folder)
        if run.returncode == 0:
            assert contents(folder) == expected
            finished += 1
            for part in ("data", "results"):
                shutil.rmtree(folder / part)
    ran = snakemake(folder, "tiny.yaml", "--workflow-profile", PROFILE)
    assert ran.code == 0, ran.text
    assert contents(folder) == expected
    return killed, finished + 1


@pytest.mark.parametrize(("n_kills", "number"), [(3, 0), pytest.param(50, 1, marks=pytest.mark.long)])
def test_kills_at_random_moments(finished, tmp_path, capsys, n_kills, number):
    shutil.copy(TINY, tmp_path)
    killed, finished_runs = crash_and_rerun(tmp_path, n_kills, random.Random(RANDOM_SEED + number), contents(finished))
    with capsys.disabled():
        kinds = ", ".join(f"{count} of {what}" for what, count in sorted(killed.items()))
        print(f"\n{killed.total()} kills survived ({kinds}); {finished_runs} runs ended, each with the same files bit for bit")
