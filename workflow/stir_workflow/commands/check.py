"""The command ``stir check``: everything that would be refused, and what a run would make, before any job."""

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stir_workflow.commands.options import JSON, SCALE, called
from stir_workflow.commands.tables import aligned_table, duration, size
from stir_workflow.messages import plain_errors

if TYPE_CHECKING:
    from stir.data.looking import Found
    from stir_workflow.commands.costs import StageCost
    from stir_workflow.planning.plan import Plan


@click.command()
@click.argument("experiment")
@SCALE
@click.option("--cores", type=click.IntRange(1), help="Jobs at once, for the time; by default all cores of this machine.")
@JSON
def check(experiment: str, scale: str | None, cores: int | None, as_json: bool) -> None:
    """Check EXPERIMENT, a name or a path, and say what a run would make; no job runs.

    Nothing is written but the fingerprints of images of your own, in data/fingerprints/.

    Refused are, with file and key: whatever experiments cannot contain, networks that cannot be built or do not take the images,
    layers and weights that there are not, and images of your own that are not there, are none by their headers, do not become
    of one size or have another fingerprint: all such files are named at once, and the first job of a run decodes them. Images of
    your own are counted. Then, for each stage: jobs, how many of them are done, and about how long the others take: by the times
    of jobs that ran in this folder, or, where there are none, a guess from below.

    Example: stir check workflow/experiments/quickstart.yaml
    """
    with plain_errors():
        plan = _planned(experiment, scale)
        counted = _counted(plan)
        from stir_workflow.commands.costs import missing, stage_costs
        from stir_workflow.commands.sizes import missing_bytes

        costs, n_cores = stage_costs(plan), cores or os.cpu_count() or 1
        to_make = missing(plan)
        facts = {
            "experiment": plan.name,
            "own_datasets": counted,
            "models": len(plan.models),
            "jobs": sum(cost.planned for cost in costs),
            "jobs_to_do": sum(cost.to_do for cost in costs),
            "files_to_make": len(to_make),
            "seconds": sum(cost.seconds for cost in costs) / n_cores,
            "seconds_are_measured": all(cost.is_measured for cost in costs if cost.to_do),
            "cores": n_cores,
            "bytes": missing_bytes(plan, to_make) if to_make else 0.0,
        }
        if as_json:
            click.echo(json.dumps({**facts, "stages": [vars(cost) for cost in costs]}, indent=1))
        else:
            click.echo("\n".join(_lines(plan, costs, facts, called("show", experiment, scale))))


def _planned(experiment: str, scale: str | None) -> "Plan":
    from stir.errors import StirError
    from stir_workflow.planning.plan import Plan
    from stir_workflow.planning.start import start

    config = {"experiment": experiment} | ({"scale": scale} if scale else {})
    plan = start(config, main_process=True, undisturbed=False)
    if not isinstance(plan, Plan):
        raise StirError("Expected one experiment; got several. Name one.")
    return plan


def _counted(plan: "Plan") -> dict[str, str]:
    """Return how many images of one's own each dataset has, and refuse those that the first job would refuse.

    Raises
    ------
    ExperimentError
        In a line for each problem.
    """
    from stir.data.collection import first_of
    from stir_workflow.planning.fitting import places_of_datasets
    from stir_workflow.planning.loading import ExperimentError
    from stir_workflow.planning.settings import dataset_label

    counted: dict[str, str] = {}
    for place, dataset in places_of_datasets(plan.experiment):
        if "format" in dataset:
            found, problems = _looked_at(dataset)
            if found is None or problems:
                raise ExperimentError("\n".join(f"{plan.publication.source}: {place}: {each}" for each in first_of(problems)))
            counted[dataset_label(dataset)] = found.counts()
    return counted


def _looked_at(dataset: Any) -> "tuple[Found | None, list[str]]":
    """Return what there is of a dataset of one's own, and why it would be refused."""
    from stir.data import dataset_source
    from stir.data.decoding import problems_of
    from stir.data.looking import look
    from stir.data.preparation import Preparation
    from stir.errors import StirError
    from stir.names import shown
    from stir_workflow.store.remembered import remembered_fingerprint

    try:
        source = Path(dataset_source(dataset, os.environ) or "")
        found = look(source, tuple(dataset["image_shape"]), Preparation.of(dataset))
        came = remembered_fingerprint(source)
    except StirError as error:
        return None, problems_of(error)
    return found, [*found.problems, *_differences(dataset, found, came, shown(source))]


def _differences(dataset: Any, found: "Found", came: str, source: str) -> Iterator[str]:
    if (shape := list(found.image_shape)) != list(dataset["image_shape"]):
        yield f"expected image_shape {shape}, which {source} has; got {dataset['image_shape']}. Correct it."
    if found.train and len(found.train) != dataset["n_classes"]:
        yield f"expected n_classes {len(found.train)}, which {source} has; got {dataset['n_classes']}. Correct it."
    if came != str(dataset["fingerprint"]).lower():
        yield f"expected fingerprint {came}, which {source} has; got {dataset['fingerprint']}. Correct it."


def _lines(plan: "Plan", costs: "Sequence[StageCost]", facts: dict[str, Any], shown_by: str) -> list[str]:
    n_pairs = len(plan.models) * len(plan.references)
    lines = [
        f"{plan.name}: {len(plan.models)} models, {n_pairs} pairs; nothing is refused.",
        *(f"{label}: {counts}" for label, counts in facts["own_datasets"].items()),
        "",
        *aligned_table([("stage", "jobs", "done", "to do", "time, one at a time"), *map(_row, costs)]),
        "",
    ]
    if not facts["jobs_to_do"]:
        return [*lines, f"Everything is there: {shown_by}"]
    about, guess = "about", ""
    if not facts["seconds_are_measured"]:
        about, guess = "at least", " (a guess: not every stage was measured in this folder)"
    return [
        *lines,
        f"{facts['jobs_to_do']} jobs, {about} {duration(facts['seconds'])} with {facts['cores']} cores{guess}.",
        f"About {size(facts['bytes'])} of new files in data/ and results/.",
    ]


def _row(cost: "StageCost") -> tuple[str, ...]:
    time = "" if not cost.to_do else f"{'' if cost.is_measured else 'at least '}{duration(cost.seconds)}"
    return cost.stage, str(cost.planned), str(cost.planned - cost.to_do), str(cost.to_do), time
