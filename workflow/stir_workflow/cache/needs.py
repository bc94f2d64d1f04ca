"""The artifacts that the experiment files need."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from stir_workflow.planning.loading import ExperimentError, load_experiment
from stir_workflow.planning.meaning import check_meaning
from stir_workflow.planning.naming import without_blanks
from stir_workflow.planning.plan import Plan
from stir_workflow.planning.reading import ExperimentFile, extended_file, read_experiment, read_yaml
from stir_workflow.planning.study import Study
from stir_workflow.planning.variants import variants_of

EXPERIMENTS = Path("workflow/experiments")


@dataclass(frozen=True)
class Needs:
    """Artifacts that experiments need, at all of their scales, as far as the files are valid."""

    names: set[str] = field(default_factory=set)
    """Names of the experiments' tables."""
    by_path: dict[str, list[str]] = field(default_factory=dict)
    """Path of an artifact -> names of the experiments that need it."""
    broken: list[str] = field(default_factory=list)
    """The problem of each invalid file."""


def experiment_files(others: Iterable[Path] = ()) -> list[Path]:
    """Return the experiment files of the project and further named ones."""
    own = sorted(file for pattern in ("*.yaml", "*.yml") for file in EXPERIMENTS.rglob(pattern))
    return [*own, *(file for file in others if file.resolve() not in {path.resolve() for path in own})]


def needs_of(files: Iterable[Path]) -> Needs:
    """Plan every experiment at every scale, and record those that cannot be planned."""
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
    """Return whether a file only contains shared settings: such a file has no description."""
    return "description" not in read_yaml(path)


def _planned(file: ExperimentFile, scale: str | None) -> list[str]:
    """Return the paths of all artifacts, also of a study that the file describes; an invalid one has none."""
    experiment = load_experiment(file.path, scale)
    check_meaning(experiment, file.path, scale=scale, sources=False)
    plan = Plan(file.name(scale), experiment)
    return Study(plan, variants_of(experiment)).paths() if "sensitivity" in experiment else plan.paths()


def _name(file: ExperimentFile, scale: str | None) -> str:
    """Return the name, or the path of a file in another folder, with the scale if it is not the default."""
    if file.path.is_relative_to(EXPERIMENTS):
        return file.name(scale)
    return f"{file.path}{file.name(scale).removeprefix(without_blanks(file.path.stem))}"
