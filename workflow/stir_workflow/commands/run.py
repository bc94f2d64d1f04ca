"""The command ``stir run``: run an experiment by Snakemake, then show its scores and say where its files are."""

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from stir_workflow.commands.options import DEVICES, SCALE
from stir_workflow.commands.passing_on import call_to_its_end
from stir_workflow.messages import plain_errors

PROFILES = "workflow/profiles"
DRY = {"-n", "--dry-run", "--dryrun"}
SMALLEST = "stir run quickstart"


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("experiment", metavar="EXPERIMENT", required=False)
@click.argument("snakemake_arguments", nargs=-1, type=click.UNPROCESSED)
@SCALE
@click.option("--profile", default="default", show_default=True, help="A folder of workflow/profiles, or the path of your own.")
@click.option("--cores", help="CPU cores, a number or all; otherwise as the profile says.")
@click.option("--device", type=DEVICES, default="auto", show_default=True, help="auto takes a GPU if there is one.")
def run(
    experiment: str | None, snakemake_arguments: Sequence[str], scale: str | None, profile: str, cores: str | None, device: str
) -> None:
    """Run EXPERIMENT, a name or a path, in the current folder: make the files that are missing, and show the scores.

    Several experiments are separated by commas. Files go to data/ and results/. After an interruption or a failure, the same
    command continues. Further arguments are Snakemake's, after -- if they could be taken for those of this command: -n lists
    the jobs without running them.

    Example: stir run path/to/mine.yaml --scale small --cores 4
    """
    if not experiment or experiment.startswith("-"):
        raise click.UsageError(f"Expected an EXPERIMENT first; got {experiment or 'none'}. A small one to begin with: {SMALLEST}")
    with plain_errors():
        from stir_workflow.planning.announcing import announcement

        _snakefile()  # without the workflow's files, there are no experiments that could be unknown
        said = announcement(experiment, scale or "")
        config = {"experiment": experiment, "device": device} | ({"scale": scale} if scale else {})
        call_to_its_end(_command(config, profile, cores, snakemake_arguments))
        if not DRY & {*snakemake_arguments}:
            _show(config)
            click.echo(said)


def _command(config: dict[str, str], profile: str, cores: str | None, arguments: Sequence[str]) -> list[str]:
    said = [f"{key}={value}" for key, value in config.items()]
    own = ["--snakefile", str(_snakefile()), "--workflow-profile", str(_profile(profile)), *(["--cores", cores] if cores else [])]
    return [sys.executable, "-P", "-m", "snakemake", *own, "--config", *said, *_after_config(arguments)]


def _after_config(arguments: Sequence[str]) -> list[str]:
    """Return Snakemake's arguments so that a target among them is not taken for a value of --config."""
    return ["--", *arguments] if arguments and not arguments[0].startswith("-") else list(arguments)


def _snakefile() -> Path:
    """Return the Snakefile of the checkout that this package is installed from.

    Raises
    ------
    StirError
        If it is installed without one.
    """
    from stir.errors import StirError
    from stir_workflow.planning.reading import WORKFLOW

    path = WORKFLOW.parent / "Snakefile"
    if not path.is_file():
        raise StirError(
            f"Expected the workflow's Snakefile at {path}; there is none. Install from a clone of the repository: pip install -e "
            "'.[workflow]'."
        )
    return path


def _profile(profile: str) -> Path:
    from stir.errors import InvalidInputError, near_matches
    from stir.names import shortened

    known = sorted(_snakefile().parent.joinpath(PROFILES).iterdir())
    found = next((folder for folder in (*known, Path(profile)) if profile in (folder.name, str(folder))), None)
    if found is None or not (found / "config.yaml").is_file():
        raise InvalidInputError(
            f"Expected a profile, a folder with config.yaml; got {shortened(profile)}. "
            f"{near_matches(profile, [folder.name for folder in known])}"
        )
    return found


def _show(config: dict[str, str]) -> None:
    """Show the scores of every experiment whose tables are published, so that they are those of this run."""
    from stir.names import printable
    from stir_workflow.commands.show import show_table
    from stir_workflow.planning.start import experiment_files, start

    for path in experiment_files(config["experiment"]):
        plan = start({**config, "experiment": str(path)}, main_process=False)
        for stamp in plan.stage_paths("publication"):
            name = plan.by_path[stamp].recipe.settings["experiment"]
            table = Path("results/tables", f"{name}.csv")
            if Path(stamp).is_file() and table.is_file():
                click.echo(f"\n{printable(str(name))}")
                show_table(table)
