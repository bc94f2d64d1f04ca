"""A cluster makes the same files bit for bit, also if its jobs or its controller fail."""

import re
import shutil
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from tests.experiment_files import QUICKSTART, ROOT, TINY, edited, write_yaml
from tests.workflow.slurm.cluster import wait_for
from tests.workflow.snakemake import contents, planned, snakemake

PROFILES = ROOT / "workflow" / "profiles"
# The node has two CPUs; the profile's intervals are meant for jobs of minutes.
HERE = ["--cores", "2", "--slurm-init-seconds-before-status-checks", "1"]
LONG = 1800


def on_slurm(folder, experiment="tiny.yaml", *arguments, profile="slurm"):
    """Run an experiment on the cluster."""
    here = HERE if profile == "slurm" else ["--cores", "2", "--seconds-between-status-checks", "2"]
    return snakemake(folder, experiment, *arguments, "--workflow-profile", PROFILES / profile, *here, timeout=LONG)


@contextmanager
def meanwhile(folder, experiment):
    """Run an experiment on the cluster, and something else while it runs."""
    with ThreadPoolExecutor() as thread:
        yield thread.submit(on_slurm, folder, experiment)


def stage(job):
    """Return the group or rule that a job was submitted for."""
    return re.match(r"(?:group|rule)_([a-z]+)", job["Comment"])[1]


def submissions(jobs):
    """Return the numbers of `sbatch` calls: tasks of an array share one."""
    return {job.get("ArrayJobId", job["JobId"]) for job in jobs}


class TestThatAllIsMade:
    def test_what_is_missing_is_made_in_arrays_and_groups_bit_for_bit(self, cluster, copied, finished):
        """Two of the four IRIs, and the representations of both reference models."""
        plan, before = planned(copied), len(cluster.described())
        missing = [path for stage in ("iri", "pair", "representation") for path in plan.stage_paths(stage)][2:]
        for path in missing:
            (copied / path).unlink()
        gpus = ["--set-resources", "inversion:gpu=1", "representation:gpu=1"]
        ran = on_slurm(copied, "tiny.yaml", *gpus)
        assert ran.code == 0, ran.text
        assert ran.finished == {"inversion": 2, "representation": 2, "all": 1}
        assert contents(copied) == contents(finished)
        jobs = cluster.described()[before:]
        assert sorted(stage(job) for job in jobs) == ["inversion", "inversion", "representation", "representation"]
        assert len(submissions([job for job in jobs if stage(job) == "inversion"])) == 1
        assert [job["TresPerJob"] for job in jobs] == ["gres:gpu:1"] * 4

    @pytest.mark.long
    def test_every_stage_asks_for_what_the_profile_says(self, cluster, tmp_path, finished):
        before = len(cluster.described())
        shutil.copy(TINY, tmp_path)
        ran = on_slurm(tmp_path)
        assert ran.code == 0, ran.text
        assert contents(tmp_path) == contents(finished)
        jobs = cluster.described()[before:]
        asked = {stage(job): (job["NumCPUs"], job["MinMemoryNode"], job["TimeLimit"]) for job in jobs}
        assert asked == {
            "checkpoint": ("1", "8001M", "04:00:00"),
            "evaluation": ("2", "8000M", "00:10:00"),
            "inversion": ("1", "8001M", "02:00:00"),
            "representation": ("1", "4000M", "01:00:00"),
            "score": ("2", "16000M", "00:30:00"),
            "report": ("1", "4000M", "00:45:00"),
        }
        assert all(job["Requeue"] == "1" for job in jobs)
        assert len(submissions(jobs)) < sum(ran.finished.values()) / 2

    @pytest.mark.long
    def test_the_generic_profile_gives_the_same_files(self, cluster, tmp_path, finished):
        before = len(cluster.described())
        shutil.copy(TINY, tmp_path)
        ran = on_slurm(tmp_path, profile="generic")
        assert ran.code == 0, ran.text
        assert contents(tmp_path) == contents(finished)
        assert len(cluster.described()) - before < sum(ran.finished.values())

    @pytest.mark.long
    def test_the_quickstart_gives_the_same_files_as_on_a_workstation(self, cluster, tmp_path, capsys):
        folders = [tmp_path / "here", tmp_path / "there"]
        for folder in folders:
            folder.mkdir()
            shutil.copy(QUICKSTART, folder)
        began, before = time.monotonic(), len(cluster.described())
        assert snakemake(folders[0], "quickstart.yaml", timeout=LONG).code == 0
        between = time.monotonic()
        ran = on_slurm(folders[1], "quickstart.yaml")
        here, there = between - began, time.monotonic() - between
        assert ran.code == 0, ran.text
        assert contents(folders[1]) == contents(folders[0])
        jobs, calls = sum(ran.finished.values()), len(submissions(cluster.described()[before:]))
        assert calls < jobs / 3
        with capsys.disabled():
            print(
                f"\nquickstart: {jobs} jobs in {calls} submissions, {there:.0f} s; {here:.0f} s without SLURM, and the same files"
            )


class TestThatAFailureIsSaid:
    @pytest.mark.parametrize("profile", ["slurm", pytest.param("generic", marks=pytest.mark.long)])
    @pytest.mark.long
    def test_with_the_message_of_the_job_and_no_traceback(self, cluster, copied, tiny, profile):
        changes = {"inversion.max_iterations": 1, "inversion.minimum_converged_fraction": 1.0, "models": tiny["models"][:1]}
        write_yaml(copied / "short.yaml", edited(tiny, changes))
        ran = on_slurm(copied, "short.yaml", "scores", "--retries", "0", profile=profile)
        assert ran.code != 0
        assert "Expected at least 100% of the images to reach the tolerance 0.2" in ran.text
        assert "Traceback" not in ran.text


@pytest.mark.long
class TestThatARunSurvives:
    @pytest.fixture
    def slow(self, tiny, tmp_path):
        """An experiment whose only inversion takes most of a minute, and its results without a cluster."""
        changes = {"inversion.tolerance": 1e-9, "inversion.max_iterations": 8000, "images.n_images": 64}
        one = {"models": tiny["models"][:1], "inversion.random_seeds": [0]}
        for name in ("here", "there"):
            (tmp_path / name).mkdir()
            write_yaml(tmp_path / name / "slow.yaml", edited(tiny, changes | one))
        ran = snakemake(tmp_path / "here", "slow.yaml", timeout=LONG)
        assert ran.code == 0, ran.text
        return tmp_path / "there"

    def wait_for_snapshot(self, folder, cluster):
        """Wait until an inversion could go on; return the number of its job."""
        wait_for("a snapshot", lambda: any(folder.glob("results/iris/*/.*.snapshot.tmp")), cluster.errors, seconds=600)
        return next(job["JobId"] for job in reversed(cluster.described()) if stage(job) == "inversion")

    def check(self, ran, folder):
        """Expect the files of an undisturbed run, and an inversion that did not restart from scratch."""
        assert ran.code == 0, ran.text
        assert contents(folder) == contents(folder.with_name("here"))
        (log,) = (folder / "results" / "logs" / "inversion").rglob("*.log")
        assert "inverting, from a snapshot" in log.read_text()
        assert not any(folder.glob("results/iris/*/.*.tmp"))

    def test_scancel_of_an_inversion(self, cluster, slow):
        with meanwhile(slow, "slow.yaml") as run:
            number = self.wait_for_snapshot(slow, cluster)
            subprocess.run(["scancel", number], check=True)
            ran = run.result()
        self.check(ran, slow)
        jobs = {job["JobId"]: job for job in cluster.described()}
        assert jobs[number]["JobState"] == "CANCELLED"
        later = [job for job in jobs.values() if int(job["JobId"]) > int(number)]
        again = [job for job in later if stage(job) == "inversion"]
        assert [job["MinMemoryNode"] for job in again] == ["16000M"], "a new attempt asks for more"

    def test_the_preemption_of_an_inversion(self, cluster, slow):
        with meanwhile(slow, "slow.yaml") as run:
            number = self.wait_for_snapshot(slow, cluster)
            subprocess.run(["srun", "--partition=urgent", "--exclusive", "--quiet", "true"], check=True, timeout=120)
            ran = run.result()
        self.check(ran, slow)
        (job,) = [job for job in cluster.described() if job["JobId"] == number]
        assert (job["Restarts"], job["JobState"]) == ("1", "COMPLETED")

    def test_scancel_of_whatever_runs(self, cluster, tmp_path, finished, capsys):
        """Three times, whenever something runs that was not cancelled before."""
        shutil.copy(TINY, tmp_path)
        cancelled = []
        with meanwhile(tmp_path, "tiny.yaml") as run:
            while len(cancelled) < 3:
                wait_for("a job", lambda: run.done() or set(cluster.jobs()) - set(cancelled), cluster.errors, seconds=300)
                assert not run.done(), run.result().text
                cancelled.append(min(set(cluster.jobs()) - set(cancelled)))
                subprocess.run(["scancel", cancelled[-1]], check=True)
            ran = run.result()
        assert ran.code == 0, ran.text
        assert contents(tmp_path) == contents(finished)
        with capsys.disabled():
            print(f"\n{len(cancelled)} jobs cancelled, the same files bit for bit")

    @pytest.mark.parametrize("seconds", [0, 60])
    def test_a_restart_of_the_controller(self, cluster, tmp_path, finished, seconds):
        shutil.copy(TINY, tmp_path)
        with meanwhile(tmp_path, "tiny.yaml") as run:
            wait_for("IRIs", lambda: any(tmp_path.glob("results/logs/inversion/*.log")), cluster.errors, seconds=300)
            cluster.stop_controller()
            time.sleep(seconds)
            cluster.start_controller()
            ran = run.result()
        assert ran.code == 0, ran.text
        assert contents(tmp_path) == contents(finished)
