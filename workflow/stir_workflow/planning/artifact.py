"""One file of a plan: its recipe, where it lies, what it is made from."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from stir_workflow.stages import STAGES, stage_module
from stir_workflow.store.identity import Recipe
from stir_workflow.store.places import FOLDERS, SUFFIXES

assert set(FOLDERS) == set(SUFFIXES) == set(STAGES)


@dataclass(frozen=True)
class Artifact:
    """One file to make, and all that its job needs to know."""

    recipe: Recipe
    path: str
    inputs: Mapping[str, list[str]] = field(default_factory=dict)
    """Role -> paths."""
    source: str | None = None

    @property
    def key(self) -> str:
        """The key of its recipe."""
        return self.recipe.key

    def input_paths(self) -> list[str]:
        """Return all inputs."""
        return [path for paths in self.inputs.values() for path in paths]

    @property
    def benchmark(self) -> str:
        """Where its job notes time and memory."""
        return f"results/benchmarks/{self._name}.tsv"

    @property
    def log(self) -> str:
        """Where its rule has its log."""
        return f"results/logs/{self._name}.log"

    @property
    def _name(self) -> str:
        stage = self.recipe.stage
        return f"{stage}/{self.path.removeprefix(f'{FOLDERS[stage]}/').removesuffix(SUFFIXES[stage])}"

    def order(self, device: str) -> str:
        """Return what ``stir make`` reads, in one line of JSON."""
        order = {"recipe": asdict(self.recipe), "output": self.path, "inputs": self.inputs, "benchmark": self.benchmark}
        return json.dumps(order | {"device": device} | ({"source": self.source} if self.source else {}))


def artifact(
    stage: str, name: str, settings: Mapping[str, Any], source: str | None = None, **inputs: Artifact | list[Artifact]
) -> Artifact:
    """Plan a file; its inputs are given by role."""
    keys = {role: [i.key for i in made] if isinstance(made, list) else made.key for role, made in inputs.items()}
    paths = {role: [i.path for i in made] if isinstance(made, list) else [made.path] for role, made in inputs.items()}
    recipe = Recipe(stage, stage_module(stage).VERSION, settings, keys)
    return Artifact(recipe, f"{FOLDERS[stage]}/{name}-{recipe.key}{SUFFIXES[stage]}", paths, source)


class Artifacts:
    """Artifacts by path, with all that they are made from.

    Parameters
    ----------
    artifacts : iterable of Artifact
        One that several experiments need may come several times.
    """

    def __init__(self, artifacts: Iterable[Artifact]) -> None:
        self.by_path: dict[str, Artifact] = {}
        for made in artifacts:
            self.by_path.setdefault(made.path, made)

    def stage_paths(self, stage: str) -> list[str]:
        """Return the paths of a stage's artifacts."""
        return [made.path for made in self.by_path.values() if made.recipe.stage == stage]

    def closure(self, stage: str) -> list[str]:
        """Return the paths of a stage's artifacts and of all that they are made from."""
        found: dict[str, None] = {}
        waiting = self.stage_paths(stage)
        while waiting:
            path = waiting.pop()
            if path not in found:
                found[path] = None
                waiting += self.by_path[path].input_paths()
        return list(found)

    def paths(self) -> list[str]:
        """Return the paths of all artifacts."""
        return list(self.by_path)
