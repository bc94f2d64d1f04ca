"""What failed jobs said on other nodes, shown where the run was started."""

import logging
import sys
from collections.abc import Iterable
from pathlib import Path

from snakemake_interface_logger_plugins.common import LogEvent

LINES = 20


class FailedLogs(logging.Handler):
    """Print the end of a failed job's log, which nobody sees while it is written on another node.

    Snakemake keeps logs of failed jobs to itself where it is to say little of jobs that run.
    """

    def emit(self, record: logging.LogRecord) -> None:
        """Print what a job that failed has said; of a group, the jobs that have not given their files."""
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
    """Return the last lines of the first log that holds any: the job's own, else the scheduler's."""
    for path in map(Path, logs):
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.is_file() else []
        if lines:
            return [f"{path}:", *(f"    {line}" for line in lines[-LINES:])]
    return ["Its logs are empty."]
