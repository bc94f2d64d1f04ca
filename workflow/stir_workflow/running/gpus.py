"""How many GPUs a job asks Snakemake for, and how many this node has to give."""

from collections.abc import Container
from typing import Protocol

from stir.errors import check_known
from stir_workflow.stages.gpu_lease import gpus
from stir_workflow.stages.job import DEVICES, no_gpu


class RunningWorkflow(Protocol):
    """What is asked of Snakemake's workflow."""

    @property
    def nodes(self) -> int | None:
        """How many jobs may be with a cluster at once; none if jobs run here."""

    @property
    def global_resources(self) -> Container[str]:
        """What `--resources` limits."""

    def register_resource(self, name: str, value: int) -> None:
        """Limit a resource."""


def gpus_per_job(device: str) -> int:
    """Return how many GPUs a job of a stage that computes on them asks for.

    Raises
    ------
    InvalidInputError
        If there is no such device.
    """
    check_known("device", device, DEVICES)
    return 1 if device == "cuda" or (device == "auto" and gpus()) else 0


def limit_to_this_node(workflow: RunningWorkflow, per_job: int) -> None:
    """Start no more GPU jobs at once than this node has GPUs, if jobs run here and `--resources` does not say how many.

    Raises
    ------
    DeviceError
        If jobs run here and need a GPU, and there is none.
    """
    if per_job == 0 or workflow.nodes is not None:
        return
    if not gpus():
        raise no_gpu()
    if "gpu" not in workflow.global_resources:
        workflow.register_resource("gpu", len(gpus()))
