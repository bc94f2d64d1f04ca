"""What a job waits for: those of its inputs that are missing, by as few edges as will do.

Snakemake keeps about 3 kB for every edge of its graph. 100 models by 10 layers by 3 random seeds
have 10,000 representations of 30 IRI files each; so a representation waits for the reference
model's representation of itself, which waits for the same IRIs, wherever that is still to be made.
"""

from collections.abc import Callable
from functools import cache
from pathlib import Path

from stir_workflow.planning.artifact import Artifact, Artifacts


def _is_there(path: str) -> bool:
    return Path(path).exists()


class Waiting:
    """Tell what a missing artifact waits for; every path is looked for once.

    Parameters
    ----------
    plan : Artifacts
        Of a run: one experiment's, or those of several.
    is_there : callable
        Whether a path exists.
    """

    def __init__(self, plan: Artifacts, is_there: Callable[[str], bool] = _is_there) -> None:
        self._plan = plan
        self.is_there = cache(is_there)
        self._of_itself: dict[str, Artifact] = {
            pair: plan.by_path[score.inputs["reference"][0]]
            for score in plan.by_path.values()
            if score.recipe.stage == "score"
            for pair in score.inputs["representations"]
        }

    def waits_for(self, path: str) -> list[str]:
        """Return missing artifacts, after which all inputs of an artifact are there."""
        missing = [needed for needed in self._plan.by_path[path].input_paths() if not self.is_there(needed)]
        before = self._of_itself.get(path)
        if before is None or before.path == path or self.is_there(before.path):
            return missing
        made_before = set(before.input_paths())
        return [before.path, *(needed for needed in missing if needed not in made_before)]
