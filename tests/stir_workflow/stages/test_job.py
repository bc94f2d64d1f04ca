"""A job that computes on a GPU holds one of this node's meanwhile; no other job does."""

import os
from pathlib import Path

import pytest
import torch

from stir.errors import DeviceError, InvalidInputError
from stir_workflow.stages import gpu_lease
from stir_workflow.stages.job import Job, computed_on
from stir_workflow.store.facts import STAGES
from stir_workflow.store.identity import Recipe

ON_GPU = ["checkpoint", "evaluation", "inversion", "iri", "pair", "representation"]


@pytest.fixture(autouse=True)
def two_gpus(tmp_path, monkeypatch):
    """This node has two GPUs, so it seems, and PyTorch can use none."""
    monkeypatch.setattr(gpu_lease, "TEMPORARY", tmp_path)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setenv("STIR_GPUS", "left,right")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")


@pytest.fixture
def no_gpu(monkeypatch):
    monkeypatch.setenv("STIR_GPUS", "")


def job(stage, device_name, **more):
    return Job(Recipe(stage, 1, {"threads": torch.get_num_threads()}), Path("results") / stage / "x.h5", {}, device_name, **more)


def held():
    return os.environ["CUDA_VISIBLE_DEVICES"]


@pytest.mark.parametrize("device_name", ["auto", "cuda"])
@pytest.mark.parametrize("stage", ON_GPU)
def test_of_a_stage_that_computes_on_gpus_it_holds_one(stage, device_name, capsys):
    with job(stage, device_name).holding_its_gpu() as with_gpu:
        assert held() in ("left", "right")
        assert with_gpu.device_name == device_name
        assert capsys.readouterr().err == f"{stage}/x: on GPU {held()}\n"
    assert held() == ""


@pytest.mark.parametrize("stage", [stage for stage in STAGES if stage not in ON_GPU])
def test_of_another_stage_it_holds_none_and_computes_on_the_cpu(stage):
    with job(stage, "cuda").holding_its_gpu() as without:
        assert held() == ""
        assert without.device_name == "cpu"


def test_that_takes_a_checkpoint_from_elsewhere_computes_nothing():
    with job("checkpoint", "cuda", source="weights.safetensors").holding_its_gpu() as without:
        assert held() == ""
        assert without.device_name == "cpu"


def test_that_is_to_compute_on_the_cpu_holds_none():
    with job("iri", "cpu").holding_its_gpu() as without:
        assert held() == ""
        assert without.device_name == "cpu"


def test_computes_on_the_cpu_where_there_is_no_gpu(no_gpu):
    with job("iri", "auto").holding_its_gpu() as without:
        assert without.device_name == "cpu"


def test_that_must_have_a_gpu_is_refused_where_there_is_none(no_gpu):
    with pytest.raises(DeviceError, match="Name one in CUDA_VISIBLE_DEVICES"), job("iri", "cuda").holding_its_gpu():
        pass


def test_on_an_unknown_device_is_refused():
    with pytest.raises(InvalidInputError, match="Unknown device 'cuda:1'"), job("iri", "cuda:1").holding_its_gpu():
        pass


class TestTheDeviceOfTorch:
    def test_is_the_gpu_where_torch_can_use_it_and_is_deterministic_there(self, monkeypatch):
        deterministic = []
        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        monkeypatch.setattr(torch, "use_deterministic_algorithms", lambda mode, warn_only: deterministic.append(mode))
        assert [job("iri", name).torch_device() for name in ("auto", "cuda")] == [torch.device("cuda")] * 2
        assert deterministic == [True, True]
        assert job("iri", "cpu").torch_device() == torch.device("cpu")
        assert len(deterministic) == 2

    def test_is_the_cpu_with_a_warning_where_torch_cannot_use_the_gpu(self):
        with pytest.warns(UserWarning, match="The CPU computes"):
            assert job("iri", "auto").torch_device() == torch.device("cpu")

    def test_is_the_cpu_without_a_word_where_there_is_no_gpu(self, no_gpu):
        assert job("iri", "auto").torch_device() == torch.device("cpu")

    def test_is_refused_where_torch_cannot_use_the_gpu_that_it_must_have(self):
        with pytest.raises(DeviceError, match="collect_env"):
            job("iri", "cuda").torch_device()


def test_what_it_computed_on_names_the_kind(monkeypatch):
    on_cpu = computed_on(torch.device("cpu"))
    assert on_cpu["device"] == "cpu"
    assert on_cpu["device_kind"].endswith(f", {torch.backends.cpu.get_cpu_capability()}")
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: {"cuda": "NVIDIA H100 80GB HBM3"}[device])
    assert computed_on(torch.device("cuda")) == {"device": "cuda", "device_kind": "NVIDIA H100 80GB HBM3"}
