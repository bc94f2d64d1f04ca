"""Which artifacts the experiment files need."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from planning.loading import ExperimentError, load_experiment
from planning.meaning import check_meaning
from planning.plan import Plan

EXPERIMENTS = Path("workflow/experiments")


@dataclass(frozen=True)
class Needs:
    """What experiments need, as far as they can be read."""

    experiments: list[Path] = field(default_factory=list)
    by_path: dict[str, list[str]] = field(default_factory=dict)
    """Path of an artifact -> names of the experiments that need it."""
    broken: list[str] = field(default_factory=list)
    """What is wrong with each file of which nothing is known."""


def experiment_files(others: Iterable[Path] = ()) -> list[Path]:
    """Return the experiment files of the project and those named besides."""
    own = sorted(file for pattern in ("*.yaml", "*.yml") for file in EXPERIMENTS.rglob(pattern))
    return [*own, *(file for file in others if file.resolve() not in {path.resolve() for path in own})]


def needs_of(files: Iterable[Path]) -> Needs:
    """Plan every experiment; take note of those that cannot be planned."""
    needs: dict[str, list[str]] = defaultdict(list)
    broken, experiments = [], list(files)
    for file in experiments:
        try:
            for path in _planned(file):
                needs[path].append(_name(file))
        except (ExperimentError, OSError) as error:
            broken.append(str(error))
    return Needs(experiments, dict(needs), broken)


def _planned(file: Path) -> list[str]:
    """Return the paths of all artifacts; an experiment that means nothing has none that could be trusted."""
    experiment = load_experiment(file)
    check_meaning(experiment, file, sources=False)
    return Plan(file.stem, experiment).paths()


def _name(file: Path) -> str:
    return file.stem if file.is_relative_to(EXPERIMENTS) else str(file)
