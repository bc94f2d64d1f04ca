"""Jobs request a GPU if they compute on one, and no more of them start at once than this node has GPUs."""

import pytest

from stir.errors import DeviceError, InvalidInputError
from stir_workflow.running.gpus import gpus_per_job, limit_to_this_node


class Workflow:
    """The attributes of Snakemake's workflow that are needed."""

    def __init__(self, nodes=None, **limits):
        self.nodes, self.global_resources = nodes, limits

    def register_resource(self, name, value):
        self.global_resources[name] = value


@pytest.fixture(params=["", "0", "0,1,2"])
def n_gpus(request, monkeypatch):
    monkeypatch.setenv("STIR_GPUS", request.param)
    return {"": 0, "0": 1, "0,1,2": 3}[request.param]


def test_a_job_asks_for_one_where_it_computes_on_one(n_gpus):
    assert gpus_per_job("cpu") == 0
    assert gpus_per_job("cuda") == 1
    assert gpus_per_job("auto") == (1 if n_gpus else 0)


def test_an_unknown_device_is_refused():
    with pytest.raises(InvalidInputError, match="Unknown device 'gpu'"):
        gpus_per_job("gpu")


class TestTheLimit:
    @pytest.fixture(autouse=True)
    def three(self, monkeypatch):
        monkeypatch.setenv("STIR_GPUS", "0,1,2")

    @pytest.mark.parametrize(
        ("workflow", "per_job", "limits"),
        [
            (Workflow(), 1, {"gpu": 3}),
            (Workflow(), 0, {}),
            (Workflow(gpu=2), 1, {"gpu": 2}),
            (Workflow(nodes=100), 1, {}),
            (Workflow(nodes=100, gpu=8), 1, {"gpu": 8}),
        ],
        ids=["this node's GPUs", "none on CPUs", "what was asked for", "none on a cluster", "what was asked for on a cluster"],
    )
    def test_is(self, workflow, per_job, limits):
        limit_to_this_node(workflow, per_job)
        assert workflow.global_resources == limits

    def test_is_an_error_where_jobs_need_a_gpu_and_there_is_none(self, monkeypatch):
        monkeypatch.setenv("STIR_GPUS", "")
        with pytest.raises(DeviceError, match="Expected a GPU"):
            limit_to_this_node(Workflow(), 1)
        limit_to_this_node(Workflow(nodes=100), 1)
