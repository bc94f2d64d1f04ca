"""Progress with an estimate of the time left, in terminals and in log files."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from tqdm.auto import tqdm as notebook_or_terminal
from tqdm.std import tqdm

SECONDS_BETWEEN_LINES = 10
_OF: ContextVar[str] = ContextVar("_OF", default="")


LINE = "{desc}: {percentage:.0f}%, {n_fmt}/{total_fmt} {unit}s, {elapsed} so far, {remaining} left{postfix}"


class _LineProgress(tqdm):
    """A tqdm that prints a new line every ten seconds, for logs and parallel jobs."""

    @staticmethod
    def status_printer(file: Any) -> Callable[[str], None]:
        """Print each status on a separate line; tqdm clears with an empty one."""

        def write(status: str) -> None:
            if status.strip():
                file.write(f"{status}\n")
                file.flush()

        return write


@contextmanager
def progress_of(name: str) -> Iterator[None]:
    """Set a name for progress lines, so that those of parallel jobs can be distinguished."""
    token = _OF.set(f" {name}")
    try:
        yield
    finally:
        _OF.reset(token)


def progress_name() -> str:
    """Return the name that `progress_of` has set, or an empty text."""
    return _OF.get().strip()


def progress_bar(description: str, total: int, *, unit: str, done: int = 0, show: bool = True, delay: float = 0.0) -> Any:
    """Start a progress bar in a terminal or notebook, or else progress lines; nothing is shown before ``delay`` seconds.

    Steps that are already ``done`` do not enter the estimate.
    """
    settings: dict[str, Any] = {
        "desc": description + _OF.get(),
        "total": total,
        "unit": unit,
        "initial": done,
        "disable": not show,
        "delay": delay,
    }
    if sys.stderr.isatty() or "ipykernel" in sys.modules:
        return notebook_or_terminal(**settings)
    return _LineProgress(**settings, mininterval=SECONDS_BETWEEN_LINES, maxinterval=SECONDS_BETWEEN_LINES, bar_format=LINE)
