"""The command ``stir``. Only `make` and `verify` are here; every other command is imported when it is asked for."""

import gc
import os
import sys
from importlib import import_module
from pathlib import Path

import click

from stir.names import WRITABLE
from stir.progress import progress_of
from stir_workflow.messages import naming, plain_errors, say
from stir_workflow.stages import stage_module
from stir_workflow.stages.cost import measured
from stir_workflow.stages.job import Job
from stir_workflow.stages.owner import end_with_owner
from stir_workflow.store.artifacts import seal_path
from stir_workflow.store.facts import STAGES
from stir_workflow.store.storage import storing

SECTIONS = {
    "Questions": ("score", "invert", "layers"),
    "Experiments": ("init", "check", "run", "show", "report", "plot", "sensitivity"),
    "What there is": ("models", "datasets", "measures", "data", "fingerprint"),
    "Files of experiments": ("cache", "verify", "make"),
}
"""Headings of ``stir --help`` -> commands below them; any other command stands below the last one."""
ELSEWHERE = {
    "cache": "stir_workflow.cache.commands",
    "check": "stir_workflow.commands.check",
    "data": "stir_workflow.commands.data",
    "datasets": "stir_workflow.commands.listing",
    "fingerprint": "stir_workflow.commands.data",
    "init": "stir_workflow.commands.init",
    "invert": "stir_workflow.commands.invert",
    "layers": "stir_workflow.commands.layers",
    "measures": "stir_workflow.commands.listing",
    "models": "stir_workflow.commands.listing",
    "plot": "stir_workflow.commands.plot",
    "report": "stir_workflow.commands.report",
    "run": "stir_workflow.commands.run",
    "score": "stir_workflow.commands.score",
    "sensitivity": "stir_workflow.commands.sensitivity",
    "show": "stir_workflow.commands.show",
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

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands by what they are for, each with the first sentence of its help."""
        named = [name for names in SECTIONS.values() for name in names]
        last = [*SECTIONS][-1]
        for heading, names in SECTIONS.items():
            others = [name for name in self.list_commands(ctx) if name not in named] if heading == last else []
            rows = [(name, self.get_command(ctx, name)) for name in (*names, *others)]
            with formatter.section(heading):
                formatter.write_dl([(name, command.get_short_help_str(limit=120)) for name, command in rows if command])

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that is asked for; of an unknown one, say which are near."""
        from stir.errors import near_matches

        if self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            ctx.fail(f"Unknown command {args[0]!r}. {near_matches(args[0], self.list_commands(ctx))}")
        return super().resolve_command(ctx, args)


def _print_versions(ctx: click.Context, _parameter: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        from stir.provenance import package_versions, version_of

        versions = package_versions()
        names = {name: versions[name] for name in ("stir", "torch", "python")} | {"snakemake": version_of("snakemake")}
        click.echo(", ".join(f"{name} {version}" for name, version in names.items()))
        ctx.exit()


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_versions, help="Print versions, and exit."
)
def main() -> None:
    """Measure to what degree one neural network shares another's invariances (STIR).

    `stir COMMAND --help` explains a command with an example. First steps: `stir score` compares two networks on a folder of
    images; `stir init`, `stir check`, `stir run` and `stir show` make and read an experiment with any number of networks.
    """


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
        with progress_of(f"{job.output.parent.name}/{job.output.stem}"), naming(job.title):
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

    Example: stir verify --deep results/iris
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
            say(line)
        if not look:
            set_bad_aside({path: problem for path, problem in bad.items() if path not in left}, say=say)
    good = sum(path not in bad for path in artifacts)
    click.echo(f"{good} artifacts match their seals, {len(artifacts) - good} do not")
    if bad and not look:
        click.echo("Run the workflow to make the files that an experiment needs again.")
    sys.exit(1 if bad else 0)
