"""Show the logs of jobs that failed on other nodes, and explain the signals that ended jobs."""

import logging
import re
import signal
import sys
from collections.abc import Iterable
from pathlib import Path

from snakemake_interface_logger_plugins.common import LogEvent

LINES = 20
SHELLS_OFFSET = 128
ENDS = re.compile(r"returned non-zero exit status (\d+)|died with <Signals\.\w+: (\d+)>")
"""Exit status of a command in Python's messages; 128 plus the number of the signal that ended a shell's command."""
LESS = (
    "Run fewer jobs at once (--cores N), or reduce their memory (batch_size in the experiment file); "
    "on a cluster ask for more memory (mem_mb in the profile)"
)
MEANINGS = {
    "SIGKILL": f"it was killed from outside, most often by the system because memory ran out. {LESS}",
    "SIGTERM": "it was told to end, by a user or a scheduler, as when its time is up. Run the same command again",
    "SIGINT": "it was interrupted (Ctrl-C). Run the same command again",
    "SIGHUP": "its terminal was closed. Run the same command again, in tmux or the like",
    "SIGSEGV": f"it used memory that is not its own: a fault in a compiled package, or too little memory or stack. {LESS}; "
    "else compare the installed packages with constraints.txt",
    "SIGBUS": "a file that it read through memory was cut meanwhile, or a disk or /dev/shm is full or failing. "
    "Make room, and run the same command again",
    "SIGABRT": f"a compiled package gave up, as when memory cannot be had. The job's log says more. {LESS}",
    "SIGILL": "a compiled package uses instructions that this processor does not have. Install the one that is made for it",
    "SIGFPE": "a compiled package divided by zero. The job's log says more",
    "SIGXCPU": "it used up its limit of CPU time (ulimit -t). Raise it, and run the same command again",
    "SIGXFSZ": "it reached the limit of a file's size (ulimit -f). Raise it, and run the same command again",
}


class FailedLogs(logging.Handler):
    """Print the end of a failed job's log, which was written on another node.

    Snakemake does not show logs of failed jobs when its output about running jobs is reduced.
    """

    def emit(self, record: logging.LogRecord) -> None:
        """Print the log of a failed job; for a group, those of the jobs whose files are missing."""
        if getattr(record, "event", None) != LogEvent.JOB_ERROR:
            return
        facts = vars(record)
        if all(Path(path).exists() for path in facts["output"]):
            return
        lines = [f"[stir] {facts['rule_name']} failed: {', '.join(facts['output'])}"]
        if facts["rule_msg"]:
            lines.append(str(facts["rule_msg"]))
        print("\n".join([*lines, *_end_of_first(facts["log"])]), file=sys.stderr, flush=True)


def _end_of_first(logs: Iterable[str]) -> list[str]:
    """Return the last lines of the first nonempty log: the job's own, or else the scheduler's."""
    for path in map(Path, logs):
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.is_file() else []
        if lines:
            return [f"{path}:", *(f"    {line}" for line in lines[-LINES:])]
    return ["Its logs are empty."]


class KilledJobs(logging.Handler):
    """Explain the exit status of a job that was ended by a signal, which Snakemake shows as a number."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print the meaning of the signal."""
        if getattr(record, "event", None) == LogEvent.ERROR and (meaning := meaning_of(record.getMessage())):
            print(f"[stir] {meaning}", file=sys.stderr, flush=True)


def meaning_of(text: str) -> str | None:
    """Return the meaning of the signal in an error of Snakemake, with a remedy, or None if it names no signal."""
    found = ENDS.search(text)
    number = int(found[2] or int(found[1]) - SHELLS_OFFSET) if found else 0
    try:
        name = signal.Signals(number).name
    except ValueError:
        return None
    said = f"exit status {SHELLS_OFFSET + number}" if found and found[1] else "the job's end"
    return f"{said} means {name}: {MEANINGS.get(name, 'this signal ended the job')}."
