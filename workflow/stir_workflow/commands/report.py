"""The command ``stir report``: say where the report of an experiment is, or render one from kept tables."""

import shlex
from pathlib import Path
from typing import NamedTuple

import click

from stir.errors import InvalidInputError, StirError
from stir.names import check_name, shown
from stir_workflow.commands.options import called
from stir_workflow.messages import plain_errors
from stir_workflow.planning.plan import Plan


@click.command()
@click.argument("experiment")
@click.option("--scale", help="One of the experiment's scales.")
@click.option(
    "--tables",
    type=click.Path(path_type=Path),
    help="Folder with the experiment's tables: EXPERIMENT.csv, EXPERIMENT-models.csv, and the others if they were kept.",
)
@click.option("--output", "-o", type=click.Path(path_type=Path), help="HTML file to write; with --tables, EXPERIMENT.html here.")
@click.option("--force", is_flag=True, help="Write the file even if there is one of that name.")
def report(experiment: str, scale: str | None, tables: Path | None, output: Path | None, force: bool) -> None:
    """Say where the report of EXPERIMENT is, a name or a path; a run makes it together with tables and figures.

    If the experiment is not finished, what is missing is listed, with the command that makes it. With --tables, the report is
    rendered from kept tables alone: it has no pictures and no learning curves.

    Example: stir report losses_architectures --scale small --tables docs/poster/small
    """
    with plain_errors():
        if tables is None:
            page = finished_report(planned(experiment, scale), called("run", experiment, scale))
            click.echo(f"Report: {page if output is None else _written(output, page.read_text(encoding='utf-8'), force)}")
        else:
            path = output or Path(f"{_stem(experiment)}.html")
            _check_new(path, force)
            click.echo(f"Report: {_written(path, report_of_tables(experiment, scale, tables), force)}")


def planned(experiment: str, scale: str | None) -> Plan:
    """Return the plan of an experiment.

    Raises
    ------
    StirError
        If it cannot be planned, or several are named.
    """
    from stir_workflow.planning.start import start

    plan = start({"experiment": experiment} | ({"scale": scale} if scale else {}), main_process=False)
    if not isinstance(plan, Plan):
        raise StirError("Expected one experiment; got several. Name one.")
    return plan


def finished_report(plan: Plan, made_by: str) -> Path:
    """Return where the report of an experiment was published, or say that a command makes it.

    Raises
    ------
    InvalidInputError
        If files of the experiment are missing: how many of each stage, and the command that makes them.
    """
    from stir_workflow.store.facts import PARTS, STAGES
    from stir_workflow.store.stamps import stamped

    publication = Path(plan.publication.path)
    if publication.exists():
        return stamped(publication)[f"{plan.name}.html"]
    paths = {stage: plan.stage_paths(stage) for stage in STAGES if stage not in PARTS}
    missing = {stage: [path for path in of_stage if not Path(path).exists()] for stage, of_stage in paths.items()}
    parts = [f"{len(missing[stage])} of {len(of_stage)} {stage}s" for stage, of_stage in paths.items() if missing[stage]]
    raise InvalidInputError(f"Expected a finished experiment {plan.name}; missing are {', '.join(parts)}. Make them: {made_by}")


def report_of_tables(experiment: str, scale: str | None, folder: Path) -> str:
    """Return the report of kept tables.

    Parameters
    ----------
    experiment : str
        What the tables are called, or the path of the experiment's file.
    scale : str or None
        Of the experiment.
    folder : Path
        Where the tables are.

    Raises
    ------
    InvalidInputError
        Naming the table that is missing or cannot be read.
    """
    from stir_workflow.report.gathering import Beside, report_of
    from stir_workflow.report.kept import kept_provenance
    from stir_workflow.report.page import render
    from stir_workflow.report.tables import read_tables

    stem = _stem(experiment)
    if not folder.is_dir():
        raise InvalidInputError(
            f"Expected a folder with the tables of {stem}; there is none at {shown(folder)}. Correct --tables."
        )
    files = {path.name: path for path in sorted(folder.iterdir()) if path.is_file()}
    asked = _asked(experiment, scale)
    # Tables are kept under the name of the file, too, without that of the scale.
    name = asked.name if asked and f"{asked.name}.csv" in files else stem
    tables = read_tables(files, name, where=str(folder))
    said = next((files[file] for file in (f"{name}-provenance.json", "provenance.json") if file in files), None)
    beside = Beside(
        asked.description if asked else "",
        asked.command if asked else shlex.join(["stir", "report", experiment, "--tables", str(folder)]),
        asked.labels if asked else [],
        provenance=kept_provenance(said, [files[file] for file in tables.files]),
        left_out=["Pictures, learning curves and scores per image are not in tables; the report of a run has them."],
    )
    return render(report_of(name, tables, beside))


def _stem(experiment: str) -> str:
    """Return what an experiment that is named, or given by the path of its file, is called."""
    from stir_workflow.planning.reading import SUFFIXES

    path = Path(experiment)
    return check_name("experiment", path.stem if path.suffix in SUFFIXES else experiment)


class Asked(NamedTuple):
    """What an experiment's file says."""

    name: str
    description: str
    labels: list[str]
    command: str


def _asked(experiment: str, scale: str | None) -> Asked | None:
    """Read an experiment's file; None if there is none of that name, since tables may come from elsewhere."""
    from stir_workflow.planning.loading import ExperimentError, load_experiment
    from stir_workflow.planning.presented import command
    from stir_workflow.planning.published import origin
    from stir_workflow.planning.reading import find_experiment, read_experiment
    from stir_workflow.planning.settings import layer_label

    try:
        path = find_experiment(experiment)
    except ExperimentError:
        return None
    found = load_experiment(path, scale)
    labels = [layer_label(layer) for layer in found["layers"]]
    return Asked(read_experiment(path).name(scale), found.get("description", ""), labels, command(origin(path), scale))


def _check_new(path: Path, force: bool) -> None:
    if path.exists() and not (force and path.is_file()):
        raise InvalidInputError(
            f"Expected a new file; there is one at {shown(path)}. Name another with --output, or add --force."
        )


def _written(path: Path, page: str, force: bool) -> Path:
    from stir_workflow.store.atomic import write_atomically

    _check_new(path, force)
    try:
        write_atomically(path, page)
    except OSError as error:
        raise InvalidInputError(
            f"{shown(path)} cannot be written ({error.strerror}). Name another file with --output."
        ) from error
    return path
