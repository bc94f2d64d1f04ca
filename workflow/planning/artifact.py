"""One file of a plan: its recipe, where it lies, what it is made from."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from stir.identity import Recipe
from stir.stages import STAGES

FOLDERS = {
    "dataset": "data/datasets",
    "checkpoint": "results/checkpoints",
    "evaluation": "results/evaluations",
    "iri": "results/iris",
    "representation": "results/representations",
    "score": "results/scores",
    "table": "results/tables",
    "figure": "results/figures",
    "publication": "results/publications",
}
SUFFIXES = {
    "dataset": ".h5",
    "checkpoint": ".safetensors",
    "evaluation": ".json",
    "iri": ".h5",
    "representation": ".h5",
    "score": ".csv",
    "table": ".stamp",
    "figure": ".stamp",
    "publication": ".stamp",
}
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
        stage = self.recipe.stage
        name = self.path.removeprefix(f"{FOLDERS[stage]}/").removesuffix(SUFFIXES[stage])
        return f"results/benchmarks/{stage}/{name}.tsv"

    def order(self, device: str) -> str:
        """Return what ``stir make`` reads, in one line of JSON."""
        order = {"recipe": asdict(self.recipe), "output": self.path, "inputs": self.inputs, "benchmark": self.benchmark}
        return json.dumps(order | {"device": device} | ({"source": self.source} if self.source else {}))
