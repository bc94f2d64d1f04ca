"""The stages of the workflow: unpack, call one function, save. One stage a file; facts about all of them in `store.facts`."""

from importlib import import_module
from types import ModuleType

from stir_workflow.store.facts import STAGES


def stage_module(stage: str) -> ModuleType:
    """Return the module of a stage, with ``make``; what is heavy is imported inside of it."""
    if stage not in STAGES:
        raise ValueError(f"Unknown stage {stage!r}; known: {', '.join(STAGES)}.")
    return import_module(f"stir_workflow.stages.{stage}")
