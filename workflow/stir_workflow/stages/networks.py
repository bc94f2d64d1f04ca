"""Networks of checkpoints: built by the code that the plan has identified, and by no other."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stir.errors import ArtifactError
from stir_workflow.stages.job import Job

if TYPE_CHECKING:
    from torch import nn

    from stir.models import Architecture


def network_of(job: Job) -> "nn.Module":
    """Return the network of the checkpoint of a job, in eval mode.

    What builds it is named by the recipe that the checkpoint's name carries the key of, never by the file alone.

    Raises
    ------
    ArtifactError
        If the checkpoint is bad, or the code that builds its network is not the code that made it.
    CheckpointError
        If its weights do not fit.
    """
    from stir.models import read_model
    from stir_workflow.store.artifacts import checked, sealed_recipe

    path = checked(job.one("checkpoint"))
    settings = sealed_recipe(path).settings
    trusted = architecture_of(settings, job.code) if "architecture" in settings else None
    return read_model(path, trusted=trusted)


def architecture_of(settings: Mapping[str, Any], code: Path | None) -> "Architecture":
    """Return what the network of a checkpoint is built from.

    Parameters
    ----------
    settings : mapping
        Of the checkpoint's recipe.
    code : Path or None
        Folder that its Python file lies in, if one makes the network.

    Raises
    ------
    ArtifactError
        If packages have other versions, or files another content, than the recipe says.
    """
    from stir.models import Architecture, model_code

    architecture = Architecture(**settings["architecture"], folder=code)
    if "code" in settings and (found := model_code(architecture)) != settings["code"]:
        raise ArtifactError(
            f"Expected the code of {architecture.name!r} as it was when the run was planned, {settings['code']}; got {found}. "
            "Run the workflow again: it plans with the code that is there."
        )
    return architecture
