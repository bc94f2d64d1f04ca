"""Call a command in a process group of its own, and pass signals that are to end this process on to the whole group, once.

A terminal sends Ctrl-C to its foreground processes alone, which the group is not: so a signal arrives once, whoever sent it.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

from stir_workflow.messages import say

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
STDERR = 2
"""Of this process: standard output is for the scores."""
INTERRUPTED = "[stir] interrupted: finished files are kept; the same command continues."
SET_DEATH_SIGNAL = 1
"""PR_SET_PDEATHSIG of prctl(2)."""


def call(command: Sequence[str], environment: Mapping[str, str]) -> tuple[int, int | None]:
    """Run a command to its end, with its standard output on standard error.

    Parameters
    ----------
    command : sequence of str
        Such as one that starts Snakemake.
    environment : mapping
        Its environment variables.

    Returns
    -------
    tuple
        Its exit status, and the first signal that was to end this process; None if there was none.
    """
    group = _Group()
    with _handled(group):
        child = subprocess.Popen(command, stdout=STDERR, env=environment, process_group=0, preexec_fn=_end_with_parent)
        group.started(child.pid)
        code = child.wait()
    return code, group.signal


def call_to_its_end(command: Sequence[str]) -> None:
    """Run a command that starts Snakemake; this process ends with its exit status if it fails, or by the signal if one came."""
    code, interrupted = call(command, _environment())
    if interrupted is not None:
        say(INTERRUPTED)
        sys.exit(128 + interrupted)
    if code:
        sys.exit(code)


def _environment() -> dict[str, str]:
    """Return the environment; without a writable home folder, Snakemake and matplotlib keep caches in the folder of the run."""
    if os.access(Path("~").expanduser(), os.W_OK) or "XDG_CACHE_HOME" in os.environ:
        return dict(os.environ)
    return {**os.environ, "XDG_CACHE_HOME": str(Path.cwd() / ".snakemake" / "cache")}


class _Group:
    """The processes of a command, as far as signals are concerned."""

    def __init__(self) -> None:
        self.signal: int | None = None
        self._number: int | None = None

    def started(self, number: int) -> None:
        """Take the number of the group; a signal may have come before."""
        self._number = number
        if self.signal is not None:
            self._interrupt()

    def end(self, number: int, _frame: FrameType | None) -> None:
        """Interrupt the processes at the first signal. Further ones change nothing: they would break off an orderly end."""
        if self.signal is None:
            self.signal = number
            self._interrupt()

    def pause(self, _number: int, _frame: FrameType | None) -> None:
        """Stop with all processes at Ctrl-Z, and continue with them."""
        self._send(signal.SIGSTOP)
        os.kill(os.getpid(), signal.SIGSTOP)
        self._send(signal.SIGCONT)

    def _interrupt(self) -> None:
        # Whatever the signal was: at SIGTERM, Snakemake would wait for the jobs, however long they take.
        self._send(signal.SIGINT)

    def _send(self, number: signal.Signals) -> None:
        if self._number is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._number, number)


@contextmanager
def _handled(group: _Group) -> Iterator[None]:
    handlers = {**dict.fromkeys(ENDING, group.end), signal.SIGTSTP: group.pause}
    # nohup lets SIGHUP be ignored. Scripts let SIGINT be ignored in the background, for the sake of Ctrl-C alone.
    ignored = {number for number in handlers if signal.getsignal(number) == signal.SIG_IGN} - {signal.SIGINT}
    before = {number: signal.signal(number, handler) for number, handler in handlers.items() if number not in ignored}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end_with_parent() -> None:
    """Let a command end with this process if that is killed, as jobs end with their run; only Linux can."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(SET_DEATH_SIGNAL, signal.SIGKILL)
