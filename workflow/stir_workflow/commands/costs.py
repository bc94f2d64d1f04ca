"""What an experiment would make: jobs, files that are there, and times as far as they were measured."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

from stir_workflow.planning.artifact import Artifact, Artifacts
from stir_workflow.store.facts import PARTS, STAGES

SECONDS_TO_START = 3.0
"""Of a job that imports PyTorch: the least that a job takes, where nothing like it was measured."""
MOST_READ = 200
"""Files of a stage that are read for its mean."""


@dataclass(frozen=True)
class StageCost:
    """Jobs of one stage."""

    stage: str
    planned: int
    to_do: int
    seconds: float
    """Of the jobs that are to be done, one after the other."""
    is_measured: bool
    """Whether jobs of this stage were measured in this folder; otherwise `SECONDS_TO_START` was counted per job."""


def stage_costs(plan: Artifacts) -> list[StageCost]:
    """Return the cost of each stage that has jobs, in the order of the stages."""
    by_stage = {stage: [plan.by_path[path] for path in plan.stage_paths(stage)] for stage in STAGES if stage not in PARTS}
    return [_cost(stage, planned) for stage, planned in by_stage.items() if planned]


def _cost(stage: str, planned: list[Artifact]) -> StageCost:
    to_do, measured = sum(not is_there(made) for made in planned), measured_seconds(stage)
    return StageCost(stage, len(planned), to_do, to_do * (measured or SECONDS_TO_START), measured is not None)


def is_there(made: Artifact) -> bool:
    """Return whether an artifact and all its parts are there."""
    return all(Path(each.path).exists() for each in (made, *made.parts))


def missing(plan: Artifacts) -> list[Artifact]:
    """Return all files that are to be made, parts among them."""
    return [made for made in plan.by_path.values() if not Path(made.path).exists()]


def measured_seconds(stage: str) -> float | None:
    """Return the mean wall time of jobs of a stage that were run in this folder; None if none was."""
    return mean(times) if (times := list(_times(Path("results/benchmarks", stage)))) else None


def _times(folder: Path) -> Iterator[float]:
    for path in sorted(folder.rglob("*.tsv"))[:MOST_READ]:
        try:
            header, row, *_ = path.read_text(encoding="utf-8").splitlines()
            yield float(dict(zip(header.split("\t"), row.split("\t"), strict=True))["s"])
        except (OSError, ValueError, KeyError):
            continue  # it is something else, or cannot be read: times are no results
