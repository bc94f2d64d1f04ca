"""The command ``stir``: make, verify, fingerprint, models, layers, plot, report, sensitivity, cache."""

import contextlib
import gc
import json
import os
import sys
import warnings
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import click

from stir.errors import StirError
from stir.names import WRITABLE, printable
from stir.progress import progress_of
from stir_workflow.stages import stage_module
from stir_workflow.stages.cost import measured
from stir_workflow.stages.job import Job
from stir_workflow.stages.owner import end_with_owner
from stir_workflow.store.artifacts import seal_path
from stir_workflow.store.facts import STAGES
from stir_workflow.store.storage import storing

ELSEWHERE = {
    "cache": "stir_workflow.cache.commands",
    "layers": "stir_workflow.layers_command",
    "report": "stir_workflow.commands.report",
    "plot": "stir_workflow.plot_command",
    "sensitivity": "stir_workflow.sensitivity_command",
}
"""Commands that are imported only when they are asked for -> their modules."""


class _Group(click.Group):
    """A group that imports some commands only when they are used: those of the cache take half a second."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands."""
        return sorted([*super().list_commands(ctx), *ELSEWHERE])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command."""
        if cmd_name not in ELSEWHERE:
            return super().get_command(ctx, cmd_name)
        command: click.Command = getattr(import_module(ELSEWHERE[cmd_name]), cmd_name)
        return command


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Make and check the artifacts of shared-invariance experiments."""


@main.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False}, add_help_option=False)
@click.argument("stage", type=click.Choice(STAGES))
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def make(stage: str, arguments: tuple[str, ...]) -> None:
    """Make one artifact of a STAGE, as the rules do; `stir make STAGE --help` names its inputs."""
    # Imports make many objects and no garbage; the default collection frequency would cost 0.3 s per job.
    gc.set_threshold(100_000, 20, 20)
    end_with_owner()
    with plain_errors():
        job = Job.from_arguments(stage, arguments)
        with progress_of(f"{job.output.parent.name}/{job.output.stem}"):
            _make(job)


def _make(job: Job) -> None:
    with job.holding_its_gpu() as equipped, storing(job.output), measured(job.benchmark):
        stage_module(job.recipe.stage).make(equipped)


@main.command()
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option("--deep", is_flag=True, help="Read every byte, also of files that have not changed since they were verified.")
@click.option("--look", is_flag=True, help="Report bad files without moving them.")
def verify(paths: tuple[Path, ...], deep: bool, look: bool) -> None:
    """Check artifacts against their seals.

    PATHS are artifacts or folders of them; by default data and results. Bad files are reported. Those with
    a valid seal of this project are moved to .quarantine beside them, and the next run makes the files that it
    needs again; all other files are left. The exit status is 1 if any file was bad.
    """
    from stir_workflow.store.survey import survey
    from stir_workflow.store.verification import MEMORY, left_alone, oddities, set_bad_aside
    from stir_workflow.store.verification import verify as verify_artifacts

    for path in paths:
        if not path.is_dir() and not seal_path(path).is_file():
            what = "has no seal, so its content cannot be checked" if os.path.lexists(path) else "does not exist"
            raise click.BadParameter(f"Expected an artifact or a folder; {path} {what}.")
    found = survey(paths or filter(Path.is_dir, WRITABLE))
    artifacts = [*found.artifacts, *found.bad_seals]
    with plain_errors():
        bad = verify_artifacts(artifacts, memory=MEMORY if MEMORY.parent.is_dir() else None, deep=deep)
        left = left_alone(bad)
        for line in (*oddities(found), *(bad if look else left).values()):
            _say(line)
        if not look:
            set_bad_aside({path: problem for path, problem in bad.items() if path not in left}, say=_say)
    good = sum(path not in bad for path in artifacts)
    click.echo(f"{good} artifacts match their seals, {len(artifacts) - good} do not")
    if bad and not look:
        click.echo("Run the workflow to make the files that an experiment needs again.")
    sys.exit(1 if bad else 0)


@main.command()
@click.argument("path", type=click.Path(path_type=Path))
def fingerprint(path: Path) -> None:
    """Print the fingerprint of a dataset: a file, or a folder of files.

    An experiment file names it beside the path of your own data; data with another fingerprint are refused.
    """
    from stir.data.fingerprints import fingerprint as fingerprint_at
    from stir.data.sources import expanded

    with plain_errors():
        click.echo(fingerprint_at(Path(expanded(str(path)))))


@main.command()
@click.argument("pattern", default="")
@click.option("--json", "as_json", is_flag=True, help="Print a list of JSON.")
def models(pattern: str, as_json: bool) -> None:
    """List addresses of models that libraries name, of those installed: all, or those that contain PATTERN.

    A PATTERN that begins with a library's prefix and a colon, such as timm:vit, lists that library's alone. Transformers
    lists types of models; its repositories, folders and classes are addresses, too, and so are callables, package.module:Net,
    and Python files, models.py:make_net.
    """
    from stir.errors import InvalidInputError
    from stir.models.addresses import check_listed, matching_addresses, near_addresses

    with plain_errors():
        check_listed(pattern)
        found = list(matching_addresses(pattern))
        if not found:
            near = near_addresses(pattern)
            hint = f"Did you mean {' or '.join(map(repr, near))}?" if near else "Try a shorter text."
            raise InvalidInputError(f"Expected a text that addresses of models contain; got {pattern!r}. {hint}")
    click.echo(json.dumps(found) if as_json else "\n".join(found))


def _say(line: str) -> None:
    click.echo(printable(line), err=True)


@contextlib.contextmanager
def plain_errors() -> Iterator[None]:
    """Print this package's warnings and errors as one message, without a traceback."""
    warnings.formatwarning = lambda message, *_args, **_kwargs: f"warning: {message}\n"
    try:
        yield
    except StirError as error:
        for line in f"error: {error}".splitlines():
            _say(line)
        sys.exit(1)
