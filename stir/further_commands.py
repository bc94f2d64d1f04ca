"""Commands that the workflow adds to those of the library.

The library knows nothing of the workflow. Where it is installed from a checkout (``pip install -e``), it takes up the
commands that ``workflow/stir_workflow/cache/commands.py`` beside it lists. No code comes from the current folder.
"""

import sys
from importlib import import_module
from pathlib import Path

import click

FOLDER = Path(__file__).resolve().parent.parent / "workflow"
FILE = FOLDER / "housekeeping" / "commands.py"


class OpenGroup(click.Group):
    """A group of commands that takes up those of the workflow beside this package."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands, for ``--help``."""
        try:
            return sorted({*super().list_commands(ctx), *further_commands()})
        except ImportError:
            return super().list_commands(ctx)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command; those of the library need not look further."""
        own = super().get_command(ctx, cmd_name)
        if own is not None:
            return own
        try:
            return further_commands().get(cmd_name)
        except ImportError as error:
            raise click.ClickException(f"{FILE} cannot be used: {error}. Install it all: pip install -e '.[workflow]'") from error

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        """Find a command; say where there are more if it is unknown."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            if FILE.is_file():
                raise
            raise click.UsageError(
                f"{error.message} More commands, like cache, come with the workflow, which is expected at {FOLDER}; there is "
                "none. Install the package from a checkout: pip install -e 'path/to/checkout[workflow]'",
                ctx,
            ) from None


def further_commands() -> dict[str, click.Command]:
    """Return the commands of the workflow, by name; none if it is not there.

    Raises
    ------
    ImportError
        If something that they need is not installed.
    """
    if not FILE.is_file():
        return {}
    if str(FOLDER) not in sys.path:
        sys.path.insert(0, str(FOLDER))
    commands: dict[str, click.Command] = import_module(f"{FILE.parent.name}.{FILE.stem}").COMMANDS
    return commands
