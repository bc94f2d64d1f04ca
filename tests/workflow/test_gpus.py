"""Jobs of the real workflow lease the GPUs of this node, whoever else holds some of them.

There is no GPU: the list of them is faked, and PyTorch, which finds none, computes on the CPU.
"""

import re

import pytest

from stir_workflow.stages.gpu_lease import lease_folder, leased_gpu
from tests.experiment_files import ROOT
from tests.workflow.snakemake import contents, planned, snakemake

GPUS = ("tests-of-stir-left", "tests-of-stir-right")
ON_GPU = {"checkpoint", "evaluation", "inversion", "representation"}


@pytest.fixture(autouse=True)
def two_gpus(monkeypatch):
    monkeypatch.setenv("STIR_GPUS", ",".join(GPUS))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    yield
    for name in GPUS:
        (lease_folder() / f"{name}.lock").unlink(missing_ok=True)


def test_jobs_take_the_gpu_that_is_free_one_after_the_other_and_compute_the_same(copied):
    before = contents(copied)
    iris = planned(copied).stage_paths("iri")[:2]
    for path in iris:
        (copied / path).unlink()
    with leased_gpu([GPUS[0]]):
        ran = snakemake(copied, "tiny.yaml", "iris", "--cores", "8", "--resources", "gpu=2", config=["device=auto"])
    assert ran.code == 0, ran.text
    assert ran.finished == {"inversion": 2, "iris": 1}
    assert re.findall(r": on GPU (\S+)", ran.text) == [GPUS[1]] * len(iris)
    assert "gpu=2" in ran.text
    assert contents(copied) == before


def asked_for(text):
    """Rule -> what its jobs ask for of GPUs."""
    blocks = re.findall(r"^rule (\w+):\n((?: .*\n)+)", text, re.MULTILINE)
    return {rule: re.findall(r"gpu=(\d+)", block) for rule, block in blocks}


@pytest.mark.parametrize(("device", "number"), [("cpu", "0"), ("auto", "1")])
def test_jobs_that_compute_on_gpus_ask_for_one_and_no_others(tmp_path, device, number):
    ran = snakemake(tmp_path, ROOT / "tests/workflow/experiments/tiny.yaml", "--dry-run", config=[f"device={device}"])
    assert ran.code == 0, ran.text
    found = asked_for(ran.text)
    assert found.keys() > ON_GPU
    assert {rule for rule, numbers in found.items() if numbers == [number]} == ON_GPU
    assert {rule for rule, numbers in found.items() if numbers == []} == found.keys() - ON_GPU


def test_a_run_that_must_have_a_gpu_is_refused_before_any_job_where_there_is_none(tmp_path, monkeypatch):
    monkeypatch.setenv("STIR_GPUS", "")
    ran = snakemake(tmp_path, ROOT / "tests/workflow/experiments/tiny.yaml", config=["device=cuda"])
    assert ran.code != 0
    assert "error: Expected a GPU, since the device is cuda" in ran.text
    assert "Traceback" not in ran.text
