"""The stages of the workflow: unpack, call one function, save. One stage a file.

A stage's ``VERSION`` is raised when the same recipe gives another output. The plan
reads it, so these modules import what is heavy inside their functions; ``IMPORTS``
names it, for a process that imports once and forks for each job.
"""

from importlib import import_module
from types import ModuleType

STAGES = ("dataset", "checkpoint", "evaluation", "iri", "representation", "score", "table", "figure", "publication")


def stage_module(stage: str) -> ModuleType:
    """Return the module of a stage, with ``VERSION``, ``IMPORTS`` and ``make``."""
    if stage not in STAGES:
        raise ValueError(f"Unknown stage {stage!r}; known: {', '.join(STAGES)}.")
    return import_module(f"stir_workflow.stages.{stage}")


def import_for(stage: str) -> None:
    """Import what a stage's job needs."""
    for name in stage_module(stage).IMPORTS:
        import_module(name)
