"""What rules ask the plan, by the key of an artifact: functions of wildcards, as Snakemake takes them."""

from collections.abc import Callable
from typing import Any

from stir_workflow.planning.artifact import Artifacts
from stir_workflow.store.facts import STAGES


class Asking:
    """Parameters and threads of jobs, as the plan says.

    Parameters
    ----------
    plan : Artifacts
        The plan, or the plans, of the run.
    """

    def __init__(self, plan: Artifacts) -> None:
        self._plan = plan

    def settings(self, stage: str) -> Callable[[Any], str]:
        """Return the parameter function of a rule: the settings of an artifact as JSON."""
        return lambda wildcards: self._plan.at(stage, wildcards.key).settings

    def threads_of(self, stage: str) -> Callable[[Any], int]:
        """Return the thread function of a rule: as many as the experiment says."""
        return lambda wildcards: int(self._plan.at(stage, wildcards.key).recipe.settings["threads"])

    def minutes(self, stage: str) -> Callable[[Any, int], int]:
        """Return the resource function of a rule: wall time, more at each attempt."""

        def requested(wildcards: Any, attempt: int) -> int:
            facts = STAGES[stage]
            count = len(self._plan.at(stage, wildcards.key).parts) if facts.minutes_per_part else 1
            return facts.minutes * count * attempt

        return requested

    def paths(self, stage: str, role: str) -> Callable[[Any], list[str]]:
        """Return the parameter function of a rule: the inputs of a role, for a role of which Snakemake only sees an index."""
        return lambda wildcards: self._plan.at(stage, wildcards.key).inputs[role]

    def source(self, stage: str) -> Callable[[Any], str]:
        """Return the parameter function of a rule: path or URL of what is not made here."""
        return lambda wildcards: self._plan.at(stage, wildcards.key).source or ""

    def code(self, stage: str) -> Callable[[Any], str]:
        """Return the parameter function of a rule: folder of the Python files that define its networks."""
        return lambda wildcards: self._plan.at(stage, wildcards.key).code or ""


def mem_mb(stage: str) -> Callable[[Any, int], int]:
    """Return the resource function of a rule: megabytes, more at each attempt."""
    return lambda wildcards, attempt: STAGES[stage].mem_mb * attempt  # noqa: ARG005
