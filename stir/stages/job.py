"""What every stage is given: a recipe, inputs by role, a place for the output."""

import json
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

from stir.artifacts import check_key
from stir.errors import ArtifactError, DeviceError, StirError, check_known
from stir.gpu_lease import gpus, leased_gpu
from stir.identity import Recipe
from stir.names import check_inside
from stir.provenance import device_kind
from stir.stages import STAGES

if TYPE_CHECKING:
    import torch

ORDER_KEYS = {"recipe", "output", "inputs", "device", "source", "benchmark"}
DEVICES = ("auto", "cpu", "cuda")
GPU_STAGES = ("checkpoint", "evaluation", "iri", "representation")


@dataclass(frozen=True)
class Job:
    """One artifact to make."""

    recipe: Recipe
    output: Path
    inputs: dict[str, list[Path]] = field(default_factory=dict)
    device_name: str = "auto"
    source: str | None = None
    """Where a checkpoint is taken from: a path or URL. Where a dataset is looked for: a path. The experiment's file."""
    benchmark: Path | None = None
    """Where time and memory of the job are noted."""

    @classmethod
    def from_order(cls, text: str) -> "Job":
        """Read an order: a JSON object with recipe and output, perhaps inputs, device, source and benchmark.

        Raises
        ------
        StirError
            If the text is none, or its output lies elsewhere or has a name without the recipe's key.
        """
        try:
            order = json.loads(text)
            recipe = Recipe.from_json(json.dumps(order["recipe"]))
            inputs = {role: [Path(path) for path in paths] for role, paths in order.get("inputs", {}).items()}
            output, device, source = Path(order["output"]), order.get("device", "auto"), order.get("source")
            benchmark = Path(order["benchmark"]) if order.get("benchmark") else None
            unknown = order.keys() - ORDER_KEYS
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            reason = f"{type(error).__name__}: {error}"
            raise StirError(
                f"Expected an order, a JSON object with 'recipe' and 'output'; got {text[:200]!r} ({reason})."
            ) from error
        if unknown or recipe.stage not in STAGES:
            wrong = f"unknown keys {sorted(unknown)}" if unknown else f"unknown stage {recipe.stage!r}"
            raise StirError(f"The order has {wrong}; stages are {', '.join(STAGES)}, keys {', '.join(sorted(ORDER_KEYS))}.")
        for written in (output, *([benchmark] if benchmark else [])):
            check_inside(written)
        check_key(output, recipe)
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

    @contextmanager
    def holding_its_gpu(self) -> Iterator["Job"]:
        """Give this job with its device settled; hold a GPU of this node meanwhile if it computes on one.

        Raises
        ------
        DeviceError
            If ``cuda`` was asked for and this node has no GPU.
        """
        check_known("device", self.device_name, DEVICES)
        if self.device_name == "cpu" or self.recipe.stage not in GPU_STAGES or self.source is not None:
            yield replace(self, device_name="cpu")
        elif devices := gpus():
            with leased_gpu(devices, what=f"{self.output.parent.name}/{self.output.stem}"):
                yield self
        elif self.device_name == "cuda":
            raise no_gpu()
        else:
            yield replace(self, device_name="cpu")

    def snapshot_path(self) -> Path:
        """Return where the state of the work is kept: next to the output, named so that neither git nor DVC takes it up."""
        self.output.parent.mkdir(parents=True, exist_ok=True)
        return self.output.with_name(f".{self.output.name}.snapshot.tmp")

    def torch_device(self) -> "torch.device":
        """Set threads and determinism, and return the device to compute on."""
        import torch

        torch.set_num_threads(self.settings["threads"])
        name = self.device_name
        if name != "cpu" and not torch.cuda.is_available():
            name = _without_cuda(name)
        if name == "cpu":
            return torch.device("cpu")
        # On CPUs one number of threads gives the same bits without it, and it
        # imports the compiler: 1.6 s a job.
        torch.use_deterministic_algorithms(True, warn_only=True)
        return torch.device("cuda")


def no_gpu() -> DeviceError:
    """Return the error for ``cuda`` where there is no GPU."""
    return DeviceError(
        "Expected a GPU, since the device is cuda; neither CUDA_VISIBLE_DEVICES nor nvidia-smi names one. "
        "Name one in CUDA_VISIBLE_DEVICES, or take the device cpu or auto."
    )


def _without_cuda(name: str) -> str:
    """Return ``"cpu"`` for ``auto``, with a warning if there is a GPU; refuse ``cuda``."""
    problem = "this PyTorch cannot compute on a GPU of this node; `python -m torch.utils.collect_env` says what it finds"
    if name == "cuda":
        raise DeviceError(f"Expected a GPU, since the device is cuda; {problem}. Or take the device cpu.")
    if gpus():
        warnings.warn(f"{problem}. The CPU computes.", stacklevel=3)
    return "cpu"


class ComputedOn(TypedDict):
    """What an artifact says of the device that it was computed on."""

    device: str
    device_kind: str


def computed_on(device: "torch.device") -> ComputedOn:
    """Return what artifacts say of a device."""
    return {"device": str(device), "device_kind": device_kind(str(device))}
