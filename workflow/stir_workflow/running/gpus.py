"""The number of GPUs that a job requests from Snakemake, and the number that this node provides."""

from collections.abc import Container
from typing import Protocol

from stir.errors import check_known
from stir_workflow.stages.gpu_lease import gpus
from stir_workflow.stages.job import DEVICES, no_gpu


class RunningWorkflow(Protocol):
    """The used attributes of Snakemake's workflow."""

    @property
    def nodes(self) -> int | None:
        """The maximum number of jobs on a cluster; None if jobs run on this node."""

    @property
    def global_resources(self) -> Container[str]:
        """What `--resources` limits."""

    def register_resource(self, name: str, value: int) -> None:
        """Limit a resource."""


def gpus_per_job(device: str) -> int:
    """Return the number of GPUs that a job of a GPU stage requests.

    Raises
    ------
    InvalidInputError
        If the device is unknown.
    """
    check_known("device", device, DEVICES)
    return 1 if device == "cuda" or (device == "auto" and gpus()) else 0


def limit_to_this_node(workflow: RunningWorkflow, per_job: int) -> None:
    """Limit GPU jobs to the number of GPUs of this node, if jobs run here and `--resources` does not give a number.

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
