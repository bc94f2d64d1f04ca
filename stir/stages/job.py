"""What every stage is given: a recipe, inputs by role, a place for the output."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stir.errors import ArtifactError
from stir.identity import Recipe

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Job:
    """One artifact to make."""

    recipe: Recipe
    output: Path
    inputs: dict[str, list[Path]] = field(default_factory=dict)
    device_name: str = "auto"
    source: str | None = None
    """Where a checkpoint is taken from: a path or URL."""

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

    def snapshot_path(self) -> Path:
        """Return where the state of the work is kept: next to the output, named so that neither git nor DVC takes it up."""
        self.output.parent.mkdir(parents=True, exist_ok=True)
        return self.output.with_name(f".{self.output.name}.snapshot.tmp")

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
