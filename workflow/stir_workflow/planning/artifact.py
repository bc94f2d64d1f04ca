"""One file of a plan: its recipe, where it lies, what it is made from."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from stir_workflow.stages.job import recipe_inputs
from stir_workflow.store.facts import PARTS, STAGES
from stir_workflow.store.identity import Recipe
from stir_workflow.store.places import name_of_artifact


@dataclass(frozen=True)
class Artifact:
    """One file to make, and all that its job needs to know."""

    recipe: Recipe
    path: str
    inputs: Mapping[str, list[str]] = field(default_factory=dict)
    """Role -> paths."""
    source: str | None = None
    parts: tuple["Artifact", ...] = ()
    """Artifacts that its job makes, too, and that it lists."""
    code: str | None = None
    """Folder of the Python files that make its networks, if any do; no key depends on where that is."""

    @property
    def key(self) -> str:
        """The key of its recipe."""
        return self.recipe.key

    def input_paths(self) -> list[str]:
        """Return all inputs."""
        return [path for paths in self.inputs.values() for path in paths]

    @property
    def settings(self) -> str:
        """The recipe's settings as one line of JSON, as ``stir make`` reads them."""
        return json.dumps(self.recipe.settings)

    @property
    def log(self) -> str:
        """Where its rule has its log."""
        return f"results/logs/{self._name}.log"

    @property
    def benchmark(self) -> str:
        """Where its job notes time and memory."""
        return f"results/benchmarks/{self._name}.tsv"

    @property
    def _name(self) -> str:
        return name_of_artifact(self.recipe.stage, self.path)


def artifact(
    stage: str,
    name: str,
    settings: Mapping[str, Any],
    source: str | None = None,
    parts: tuple[Artifact, ...] = (),
    code: str | None = None,
    **inputs: Artifact | list[Artifact],
) -> Artifact:
    """Plan a file; its inputs are given by role, and a role of none is left out. It needs the code that its checkpoints need."""
    facts = STAGES[stage]
    listed = {role: made if isinstance(made, list) else [made] for role, made in inputs.items() if made != []}
    of_checkpoints = (made.code for role in ("checkpoint", "checkpoints") for made in listed.get(role, ()))
    code = code or next(filter(None, of_checkpoints), None)
    keys = recipe_inputs(stage, {role: [i.key for i in made] for role, made in listed.items()})
    recipe = Recipe(stage, facts.version, settings, keys)
    paths = {role: [i.path for i in made] for role, made in listed.items()}
    return Artifact(recipe, f"{facts.folder}/{name}-{recipe.key}{facts.suffix}", paths, source, parts, code)


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
            for one in (*made.parts, made):
                self.by_path.setdefault(one.path, one)
        self._maker: dict[str, str] = {}
        for made in self.by_path.values():
            for part in made.parts:
                self._maker.setdefault(part.path, made.path)
        self._by_key = {(made.recipe.stage, made.key): made for made in self.by_path.values()}

    def at(self, stage: str, key: str) -> Artifact:
        """Return the artifact of a stage with a key.

        Raises
        ------
        KeyError
            If none is planned.
        """
        return self._by_key[stage, key]

    def maker(self, path: str) -> str:
        """Return the artifact whose job makes a file: that artifact itself, or the first one that lists it as a part."""
        return self._maker.get(path, path)

    def shared(self, made: Artifact) -> list[str]:
        """Return the other artifacts whose jobs make parts of this one, so that no two jobs make one file at once."""
        makers = dict.fromkeys(self.maker(part.path) for part in made.parts)
        return [path for path in makers if path != made.path]

    def stage_paths(self, stage: str) -> list[str]:
        """Return the paths of a stage's artifacts."""
        return [made.path for made in self.by_path.values() if made.recipe.stage == stage]

    def closure(self, *stages: str) -> list[str]:
        """Return the paths of the artifacts of stages and of all that they are made from; of all that rules make by default."""
        found: dict[str, None] = {}
        wanted = stages or [stage for stage in STAGES if stage not in PARTS]
        waiting = [path for stage in wanted for path in self.stage_paths(stage)]
        while waiting:
            path = waiting.pop()
            if path not in found:
                found[path] = None
                waiting += map(self.maker, self.by_path[path].input_paths())
        return list(found)

    def paths(self) -> list[str]:
        """Return the paths of all artifacts."""
        return list(self.by_path)
