"""What goes wrong in code of others, in one line that names the place."""

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stir.errors import InvalidInputError
from stir.names import printable

LENGTH = 300


@contextmanager
def reporting(what: str, near: Path | None = None, remedy: str = "Correct it there.") -> Iterator[None]:
    """Turn whatever is raised inside into one line.

    Parameters
    ----------
    what : str
        Whose code runs.
    near : Path, optional
        Of the frames that the error passed, the last in this file's folder is named.
    remedy : str
        What to do.

    Raises
    ------
    InvalidInputError
        With the kind of the error, its first line, and the file, line and code that raised it.
    """
    try:
        yield
    except InvalidInputError:
        raise
    except (Exception, SystemExit) as error:
        raise InvalidInputError(f"{what} raised {described(error)}{_where(error, near)}. {remedy}") from error


def described(error: BaseException) -> str:
    """Return the kind of an error and the first line of its message."""
    first = printable(str(error).strip().split("\n")[0])[:LENGTH].rstrip(".")
    return f"{type(error).__name__}: {first}" if first else type(error).__name__


def _where(error: BaseException, near: Path | None) -> str:
    if isinstance(error, SyntaxError):
        return "" if error.lineno is None else f", line {error.lineno}"
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if near is not None and Path(frame.filename).is_relative_to(near.parent)]
    if not own:
        return ""
    frame = own[-1]
    code = f" ({printable(frame.line)[:LENGTH]})" if frame.line else ""
    return f" in {frame.filename}, line {frame.lineno}{code}"
