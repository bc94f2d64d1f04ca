"""What every stage is given: a recipe, inputs by role, a place for the output."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stir.errors import ArtifactError, StirError
from stir.identity import Recipe
from stir.stages import STAGES

if TYPE_CHECKING:
    import torch

ORDER_KEYS = {"recipe", "output", "inputs", "device", "source", "benchmark"}


@dataclass(frozen=True)
class Job:
    """One artifact to make."""

    recipe: Recipe
    output: Path
    inputs: dict[str, list[Path]] = field(default_factory=dict)
    device_name: str = "auto"
    source: str | None = None
    """Where a checkpoint is taken from: a path or URL."""
    benchmark: Path | None = None
    """Where time and memory of the job are noted."""

    @classmethod
    def from_order(cls, text: str) -> "Job":
        """Read an order: a JSON object with recipe and output, perhaps inputs, device, source and benchmark.

        Raises
        ------
        StirError
            If the text is none.
        """
        try:
            order = json.loads(text)
            recipe = Recipe.from_json(json.dumps(order["recipe"]))
            inputs = {role: [Path(path) for path in paths] for role, paths in order.get("inputs", {}).items()}
            output, device, source = Path(order["output"]), order.get("device", "auto"), order.get("source")
            benchmark = Path(order["benchmark"]) if order.get("benchmark") else None
            unknown = order.keys() - ORDER_KEYS
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            reason = f"{type(error).__name__}: {error}"
            reason = f"{type(error).__name__}: {error}"
            raise StirError(
                f"Expected an order, a JSON object with 'recipe' and 'output'; got {text[:200]!r} ({reason})."
            ) from error
        if unknown or recipe.stage not in STAGES:
            wrong = f"unknown keys {sorted(unknown)}" if unknown else f"unknown stage {recipe.stage!r}"
            raise StirError(f"The order has {wrong}; stages are {', '.join(STAGES)}, keys {', '.join(sorted(ORDER_KEYS))}.")
        return cls(recipe, output, inputs, device, source, benchmark)

    @property
    def settings(self) -> dict[str, Any]:
        """The recipe's settings."""
        return dict(self.recipe.settings)

    def one(self, role: str) -> Path:
        """Return the only input of a role."""
        paths = self.inputs.get(role, [])
        if len(paths) != 1:
            raise ArtifactError(f"Expected one input {role!r} for {self.output}; got {len(paths)}.")
        return paths[0]

    def torch_device(self) -> "torch.device":
        """Set threads and determinism, and return the device to compute on."""
        import torch

        torch.set_num_threads(self.settings["threads"])
        name = self.device_name
        if name == "auto":
            name = "cuda" if torch.cuda.is_available() else "cpu"
        if name != "cpu":
            # On CPUs one number of threads gives the same bits without it, and it
            # imports the compiler: 1.6 s a job.
            torch.use_deterministic_algorithms(True, warn_only=True)
        return torch.device(name)
