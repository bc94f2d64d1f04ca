"""Which artifacts the experiment files need."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from stir_workflow.planning.loading import ExperimentError, load_experiment
from stir_workflow.planning.meaning import check_meaning
from stir_workflow.planning.naming import without_blanks
from stir_workflow.planning.plan import Plan
from stir_workflow.planning.reading import ExperimentFile, extended_file, read_experiment, read_yaml

EXPERIMENTS = Path("workflow/experiments")


@dataclass(frozen=True)
class Needs:
    """What experiments need, at all of their scales, as far as they can be read."""

    names: set[str] = field(default_factory=set)
    """What the experiments' tables are called."""
    by_path: dict[str, list[str]] = field(default_factory=dict)
    """Path of an artifact -> names of the experiments that need it."""
    broken: list[str] = field(default_factory=list)
    """What is wrong with each file of which nothing is known."""


def experiment_files(others: Iterable[Path] = ()) -> list[Path]:
    """Return the experiment files of the project and those named besides."""
    own = sorted(file for pattern in ("*.yaml", "*.yml") for file in EXPERIMENTS.rglob(pattern))
    return [*own, *(file for file in others if file.resolve() not in {path.resolve() for path in own})]


def needs_of(files: Iterable[Path]) -> Needs:
    """Plan every experiment at every scale; take note of those that cannot be planned."""
    needs: dict[str, list[str]] = defaultdict(list)
    names, broken, experiments = set(), [], list(files)
    extended = {other.resolve() for file in experiments if (other := extended_file(file))}
    for path in experiments:
        names.add(without_blanks(path.stem))
        if path.resolve() in extended and _asks_nothing(path):
            continue
        try:
            file = read_experiment(path)
            for scale in file.scales:
                names.add(file.name(scale))
                for needed in _planned(file, scale):
                    needs[needed].append(_name(file, scale))
        except (ExperimentError, OSError) as error:
            broken.append(str(error))
    return Needs(names, dict(needs), broken)


def _asks_nothing(path: Path) -> bool:
    """Tell whether a file is no experiment, but what experiments have in common: it does not say what it asks."""
    return "description" not in read_yaml(path)


def _planned(file: ExperimentFile, scale: str | None) -> list[str]:
    """Return the paths of all artifacts; an experiment that means nothing has none that could be trusted."""
    experiment = load_experiment(file.path, scale)
    check_meaning(experiment, file.path, scale=scale, sources=False)
    return Plan(file.name(scale), experiment).paths()


def _name(file: ExperimentFile, scale: str | None) -> str:
    """Return the name; of a file elsewhere its path, with the scale where it is not the default."""
    if file.path.is_relative_to(EXPERIMENTS):
        return file.name(scale)
    return f"{file.path}{file.name(scale).removeprefix(without_blanks(file.path.stem))}"
