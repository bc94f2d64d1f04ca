"""What every stage is given: a recipe, inputs by role, a place for the output."""

import argparse
import json
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypedDict

from stir.errors import ArtifactError, DeviceError, StirError, check_known
from stir.names import check_inside
from stir.provenance import device_kind
from stir_workflow.stages import stage_module
from stir_workflow.stages.gpu_lease import gpus, leased_gpu
from stir_workflow.store.artifacts import check_key
from stir_workflow.store.facts import LISTS, STAGES, Count
from stir_workflow.store.identity import Recipe, key_in
from stir_workflow.store.places import name_of_artifact

if TYPE_CHECKING:
    import torch

DEVICES = ("auto", "cpu", "cuda")
MOST_PROCESSES = 1024


@dataclass(frozen=True)
class Job:
    """One artifact to make."""

    recipe: Recipe
    output: Path
    inputs: dict[str, list[Path]] = field(default_factory=dict)
    device_name: str = "auto"
    source: str | None = None
    """Where a checkpoint is taken from: a path or URL. Where a dataset is looked for: a path. The experiment's file."""
    code: Path | None = None
    """Folder of the Python files that make its networks."""
    processes: int = 1
    """How many processes share the work, where a stage can share it; its output does not depend on it."""

    @classmethod
    def from_arguments(cls, stage: str, arguments: Sequence[str]) -> "Job":
        """Read a job from the arguments of ``stir make STAGE``.

        Raises
        ------
        StirError
            If an argument is unknown, missing or repeated, or the settings are no JSON object.
        """
        facts = STAGES[stage]
        given = _parser(stage, facts.inputs).parse_args(arguments)
        for role, count in facts.inputs.items():
            if not count.takes(number := len(getattr(given, role))):
                raise StirError(f"stir make {stage}: expected {count.value} --{role}; got {number}.")
        inputs = {role: getattr(given, role) for role in facts.inputs if getattr(given, role)}
        keys = {role: [key_in(path) for path in paths] for role, paths in inputs.items()}
        recipe = Recipe(stage, facts.version, given.settings, recipe_inputs(stage, keys))
        job = cls(recipe, given.output, inputs, given.device, given.source, given.code, given.processes)
        for written in (job.output, job.benchmark):
            check_inside(written)
        check_key(job.output, recipe)
        return job

    @property
    def benchmark(self) -> Path:
        """Where time and memory of the job are noted."""
        return Path(f"results/benchmarks/{name_of_artifact(self.recipe.stage, self.output.as_posix())}.tsv")

    @property
    def title(self) -> str:
        """What messages call it: its stage, and the model, layer and random seed, or the models, in its name."""
        name = name_of_artifact(self.recipe.stage, self.output.as_posix())
        return name.removesuffix(f"-{self.recipe.key}").replace("/", " ", 1)

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
        if self.device_name == "cpu" or not STAGES[self.recipe.stage].on_gpu or self.source is not None:
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


def recipe_inputs(stage: str, keys: Mapping[str, list[str]]) -> dict[str, str | list[str]]:
    """Return the keys of inputs as recipes hold them: a list where a role takes many."""
    return {role: of_role if STAGES[stage].inputs[role] in LISTS else of_role[0] for role, of_role in keys.items()}


class _Parser(argparse.ArgumentParser):
    """A parser whose refusals are this package's errors."""

    def error(self, message: str) -> NoReturn:
        raise StirError(f"{self.prog}: {message}. See {self.prog} --help.")


def _parser(stage: str, roles: Mapping[str, Count]) -> argparse.ArgumentParser:
    parser = _Parser(prog=f"stir make {stage}", description=stage_module(stage).__doc__, allow_abbrev=False)
    parser.add_argument("--output", type=Path, required=True, help="The artifact to make; its name carries the recipe's key.")
    for role, count in roles.items():
        parser.add_argument(f"--{role}", type=Path, nargs="*", default=[], help=f"Artifacts: {count.value}.")
    parser.add_argument("--source", nargs="?", help="Path or URL of what is not made here.")
    parser.add_argument("--code", type=Path, nargs="?", help="Folder of the Python files that its networks come from, if any do.")
    parser.add_argument("--settings", type=_settings, required=True, help="The stage's settings, as a JSON object.")
    parser.add_argument("--processes", type=_processes, default=1, help="How many processes share the work (stage figure).")
    parser.add_argument("--device", choices=DEVICES, default="auto")
    return parser


def _settings(text: str) -> dict[str, Any]:
    try:
        settings = json.loads(text)
    except (ValueError, RecursionError):
        settings = None
    if not isinstance(settings, dict):
        raise argparse.ArgumentTypeError(f"expected a JSON object; got {text[:200]!r}")
    return settings


def _processes(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 4 and 1 <= int(text) <= MOST_PROCESSES):
        raise argparse.ArgumentTypeError(f"expected a number of processes from 1 to {MOST_PROCESSES}; got {text[:80]!r}")
    return int(text)


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
