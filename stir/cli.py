"""What the workflow's rules call: ``stir make STAGE``."""

import contextlib
import os
import sys
import warnings
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import click

from stir.artifacts import seal_path
from stir.errors import StirError
from stir.further_commands import OpenGroup
from stir.identity import Recipe
from stir.progress import progress_of
from stir.stages import STAGES, stage_module
from stir.stages.job import Job


@click.group(cls=OpenGroup, context_settings={"help_option_names": ["-h", "--help"]})
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
    with _plain_errors(), progress_of(f"{output.parent.name}/{output.stem}"):
        stage_module(stage).make(Job(_recipe(recipe), output, by_role, device, source))


def _recipe(text: str) -> Recipe:
    try:
        return Recipe.from_json(text)
    except ValueError as error:
        raise StirError(f"--recipe: {error}") from error


@main.command()
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option("--deep", is_flag=True, help="Read every byte, also of what has not changed since it was found good.")
@click.option("--look", is_flag=True, help="Say what is bad, and move nothing.")
def verify(paths: tuple[Path, ...], deep: bool, look: bool) -> None:
    """Check artifacts against their seals.

    PATHS are artifacts or folders of them: data and results if none is named. Bad ones are named and
    moved to .quarantine beside them, as before a run; the next run remakes what it needs. The exit
    status is 1 if any was bad.
    """
    from stir.survey import survey
    from stir.verification import MEMORY, oddities, set_bad_aside
    from stir.verification import verify as verify_artifacts

    for path in paths:
        if not path.is_dir() and not seal_path(path).is_file():
            what = "has no seal, so that nothing vouches for it" if os.path.lexists(path) else "does not exist"
            raise click.BadParameter(f"Expected an artifact or a folder; {path} {what}.")
    found = survey(paths or (Path("data"), Path("results")))
    with _plain_errors():
        bad = verify_artifacts(found.artifacts, memory=MEMORY if MEMORY.parent.is_dir() else None, deep=deep)
        for line in (*oddities(found), *(bad.values() if look else ())):
            click.echo(line, err=True)
        if not look:
            set_bad_aside(bad, say=partial(click.echo, err=True))
    good = sum(path not in bad for path in found.artifacts)
    click.echo(f"{good} artifacts are as their seals say, {len(found.artifacts) - good} are not")
    if bad and not look:
        click.echo("Run the workflow: what an experiment needs is remade.")
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
