"""What the rules of the Snakefile ask the plan: which inputs a job waits for."""

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Protocol

from stir_workflow.planning.artifact import Artifacts
from stir_workflow.store.artifacts import seal_path
from stir_workflow.store.facts import STAGES


class Wildcards(Protocol):
    """Snakemake's, of a rule whose output has the wildcard ``key``."""

    key: str


InputFunction = Callable[[Wildcards], Mapping[str, list[str]]]


class Inputs:
    """Make the input functions of rules; every path is looked for once.

    Parameters
    ----------
    plan : Artifacts
        Of a run.
    is_forced : callable
        Whether jobs are to run again whose output is there.
    before : callable
        Called before an artifact is looked for.
    """

    def __init__(self, plan: Artifacts, is_forced: Callable[[], bool], before: Callable[[], None] = lambda: None) -> None:
        self._plan, self._is_forced, self._before = plan, is_forced, before
        self.is_there = cache(lambda path: Path(path).exists())

    def needed(self, stage: str, *roles: str) -> InputFunction:
        """Return the input function of a stage's rule, which names the roles of its inputs.

        An artifact that is there waits for nothing, so that one that is pruned or lost behind it is made again alone.
        For an artifact that is a part, the one that lists it is named.

        Raises
        ------
        ValueError
            If the stage has other roles.
        """
        if set(roles) != set(STAGES[stage].inputs):
            raise ValueError(f"Expected the roles {sorted(STAGES[stage].inputs)} of stage {stage!r}; got {sorted(roles)}.")

        def inputs(wildcards: Wildcards) -> Mapping[str, list[str]]:
            self._before()
            made = self._plan.at(stage, wildcards.key)
            if self.is_there(made.path) and not self._is_forced():
                return {}
            makers = {role: list(dict.fromkeys(map(self._plan.maker, made.inputs.get(role, ())))) for role in roles}
            named = makers | {"shared": self._plan.shared(made)}
            return named | {"seals": [str(seal_path(Path(path))) for paths in named.values() for path in paths]}

        return inputs
