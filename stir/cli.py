"""What the workflow's rules call: ``stir make``."""

import contextlib
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import click

from stir.errors import StirError
from stir.progress import progress_of
from stir.stages import import_for, stage_module
from stir.stages.cost import measured
from stir.stages.job import Job
from stir.storage import storing


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Make and check the artifacts of shared-invariance experiments."""


@main.command()
@click.argument("order", type=click.File(encoding="utf-8"), default="-")
def make(order: TextIO) -> None:
    r"""Make the one artifact that ORDER asks for: a JSON file, or standard input.

    \b
    recipe     stage, version, settings and keys of the inputs
    output     the artifact's path; its name carries the recipe's key
    inputs     role -> paths
    device     cpu, cuda, or auto
    source     path or URL of a checkpoint that is not trained here
    benchmark  a TSV file for time and memory
    """
    with _plain_errors():
        job = Job.from_order(order.read())
        with progress_of(f"{job.output.parent.name}/{job.output.stem}"):
            _make(job)


def _make(job: Job) -> None:
    stage, began = job.recipe.stage, time.perf_counter()
    import_for(stage)
    imported = time.perf_counter() - began
    with storing(job.output), measured(job.benchmark) as cost:
        cost.import_s = imported
        stage_module(stage).make(job)


@main.command()
@click.argument("paths", nargs=-1, type=click.Path(exists=True, path_type=Path))
def verify(paths: tuple[Path, ...]) -> None:
    """Check artifacts (files, or folders of them) against their seals and stamps, reading every byte."""
    from stir.artifacts import sealed_files
    from stir.artifacts import verify as verify_artifacts
    from stir.publication import unmatched

    files = sealed_files(paths or (Path("data"), Path("results")))
    bad = verify_artifacts(files)
    for path in files:
        if path.suffix == ".stamp" and path not in bad and (others := unmatched(path)):
            bad[path] = f"{path} stands for other files than there are: {', '.join(map(str, others))}; run the workflow."
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
