"""What the workflow's rules call: ``stir make STAGE``."""

import contextlib
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import click

from stir.errors import StirError
from stir.identity import Recipe
from stir.progress import progress_of
from stir.stages import STAGES, stage_module
from stir.stages.job import Job


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Make and check the artifacts of shared-invariance experiments."""


@main.command()
@click.argument("stage", type=click.Choice(STAGES))
@click.option("--recipe", required=True, help="The recipe, as JSON.")
@click.option("--output", required=True, type=click.Path(path_type=Path), help="The artifact to make.")
@click.option("--input", "inputs", multiple=True, metavar="ROLE=PATH", help="What it is made from.")
@click.option("--source", help="Path or URL of a checkpoint that is not trained here.")
@click.option("--device", default="auto", show_default=True, help="cpu, cuda, or auto.")
def make(stage: str, recipe: str, output: Path, inputs: tuple[str, ...], source: str | None, device: str) -> None:
    """Make one artifact of a STAGE."""
    by_role: dict[str, list[Path]] = {}
    for text in inputs:
        role, _, path = text.partition("=")
        by_role.setdefault(role, []).append(Path(path))
    with (
        _plain_errors(),
        progress_of(f"{output.parent.name}/{output.stem}"),
        Job(_recipe(recipe), output, by_role, device, source).holding_its_gpu() as job,
    ):
        stage_module(stage).make(job)


def _recipe(text: str) -> Recipe:
    try:
        return Recipe.from_json(text)
    except ValueError as error:
        raise StirError(f"--recipe: {error}") from error


@main.command()
@click.argument("paths", nargs=-1, type=click.Path(exists=True, path_type=Path))
def verify(paths: tuple[Path, ...]) -> None:
    """Check artifacts (files, or folders of them) against their seals, reading every byte."""
    from stir.artifacts import sealed_files
    from stir.artifacts import verify as verify_artifacts

    files = sealed_files(paths or (Path("data"), Path("results")))
    bad = verify_artifacts(files)
    for problem in bad.values():
        click.echo(problem, err=True)
    click.echo(f"{len(files) - len(bad)} artifacts are as their seals say, {len(bad)} are not")
    sys.exit(1 if bad else 0)


@contextlib.contextmanager
def _plain_errors() -> Iterator[None]:
    """Print this package's warnings and errors as one message, without a traceback."""
    warnings.formatwarning = lambda message, *_args, **_kwargs: f"warning: {message}\n"
    try:
        yield
    except StirError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(1)
