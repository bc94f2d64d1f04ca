"""The command ``stir sensitivity``: run the rule of that name, and print what it found."""

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from stir.errors import StirError
from stir_workflow.commands.passing_on import call_to_its_end
from stir_workflow.messages import plain_errors

PROFILE = "workflow/profiles/default"


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("experiment")
@click.argument("snakemake_arguments", nargs=-1, type=click.UNPROCESSED)
@click.option("--scale", help="One of the experiment's scales.")
@click.option(
    "--vary",
    default="all",
    show_default=True,
    help="Settings with commas between: tolerance, n_images, seed_images, method, pooling.",
)
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True)
@click.option("--dry-run", "-n", is_flag=True, help="Print how many artifacts there are and would be made, for each variant.")
def sensitivity(
    experiment: str, snakemake_arguments: Sequence[str], scale: str | None, vary: str, device: str, dry_run: bool
) -> None:
    """Show how far the scores of EXPERIMENT, a name or a path, and the ranking of its pairs move with its settings.

    The experiment is repeated with other tolerances, numbers of images, kinds of seed image, inversion methods and poolings, one
    setting at a time; files that exist are reused. The results are results/tables/NAME-sensitivity.csv and
    results/figures/NAME-sensitivity.png. Further arguments are Snakemake's, such as --cores 4 or --workflow-profile.

    Example: stir sensitivity quickstart --vary tolerance,n_images --cores 4
    """
    from stir.sensitivity import aligned, study_lines
    from stir.tables import read_table
    from stir_workflow.planning.apart import check_apart
    from stir_workflow.planning.start import experiment_files, start
    from stir_workflow.planning.study import Study

    config = {"experiment": experiment, "vary": vary, "device": device} | ({"scale": scale} if scale else {})
    with plain_errors():
        if dry_run:
            check_apart(experiment_files(experiment), scale)
        study = start(config, main_process=False)
        if not isinstance(study, Study):
            raise StirError("Expected one experiment; got several. Name one.")
        if dry_run:
            click.echo("\n".join(aligned(study.counts(), left=1)))
            return
        call_to_its_end(_command(config, snakemake_arguments))
        csv = Path("results/tables", f"{study.name}-sensitivity.csv")
        click.echo("\n".join(study_lines(read_table(csv))))
        click.echo(f"Table: {csv}   Figure: results/figures/{csv.stem}.png")


def _command(config: dict[str, str], arguments: Sequence[str]) -> list[str]:
    profile = [] if "--workflow-profile" in arguments else ["--workflow-profile", PROFILE]
    said = [f"{key}={value}" for key, value in config.items()]
    return [sys.executable, "-P", "-m", "snakemake", "sensitivity", *profile, "--config", *said, *arguments]
