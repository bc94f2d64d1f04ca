"""The real graph of jobs of 100 models by 10 layers by 3 random seeds."""

import resource
import time

import pytest

from benchmarks.scale_experiment import write_experiment
from stir_workflow.store.facts import PARTS
from tests.workflow.jobs import LARGE
from tests.workflow.snakemake import planned, snakemake


@pytest.mark.long
def test_a_dry_run_of_the_large_experiment_counts_its_jobs(tmp_path, capsys):
    write_experiment(tmp_path / "scale.yaml")
    began = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    ran = snakemake(tmp_path, "scale.yaml", "--dry-run", "--quiet", "rules")
    seconds, after = time.monotonic() - began[0], resource.getrusage(resource.RUSAGE_CHILDREN)
    assert ran.code == 0, ran.text
    assert ran.planned == {stage: count for stage, count in LARGE.items() if stage not in PARTS} | {"all": 1}
    cpu = after.ru_utime + after.ru_stime - began[1].ru_utime - began[1].ru_stime
    with capsys.disabled():
        print(f"\n{sum(ran.planned.values())} jobs planned in {seconds:.0f} s, {cpu:.0f} s of CPU; ", end="")
        print(f"largest process of this session's children so far: {after.ru_maxrss / 1024:.0f} MiB")


class TestLessThanEverything:
    """In a small experiment, the inputs of a job exist when it runs."""

    @pytest.fixture
    def experiment(self, tmp_path):
        return write_experiment(tmp_path / "small.yaml", seeds_per_recipe=1, n_layers=2, n_random_seeds=2)

    def test_one_representation_needs_all_iris_of_its_reference_model(self, tmp_path, experiment):
        plan = planned(tmp_path, "small.yaml")
        of_one = plan.references[0].representation
        ran = snakemake(tmp_path, "small.yaml", of_one.path, "--dry-run")
        assert ran.code == 0, ran.text
        assert ran.planned == {"dataset": 1, "checkpoint": 5, "inversion": 4, "representation": 1}

    def test_forced_jobs_run_with_all_that_follows(self, tmp_path, experiment):
        ran = snakemake(tmp_path, "small.yaml", "tables", "--dry-run", "--forceall")
        assert ran.code == 0, ran.text
        assert ran.planned["representation"] == 4
        assert ran.planned["inversion"] == 16
