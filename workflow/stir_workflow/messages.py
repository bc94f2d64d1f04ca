"""What commands print on standard error: warnings and errors as one message each, without a traceback."""

import contextlib
import sys
import warnings
from collections.abc import Iterator

import click

from stir.errors import StirError
from stir.names import printable


def say(line: str) -> None:
    """Print a line that is safe for a terminal, on standard error."""
    click.echo(printable(line), err=True)


@contextlib.contextmanager
def plain_errors() -> Iterator[None]:
    """Print this package's warnings and errors as one message, without a traceback; notes of an error precede it."""
    warnings.formatwarning = lambda message, *_args, **_kwargs: f"warning: {message}\n"
    try:
        yield
    except StirError as error:
        for line in ": ".join(["error", *getattr(error, "__notes__", ()), str(error)]).splitlines():
            say(line)
        sys.exit(1)


@contextlib.contextmanager
def naming(what: str) -> Iterator[None]:
    """Say of an error what was being made, unless something within has said so."""
    try:
        yield
    except StirError as error:
        if not getattr(error, "__notes__", ()):
            error.add_note(what)
        raise
