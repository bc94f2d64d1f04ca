"""What a run on this machine prints under the default profile: Snakemake's lines about each job are left out.

The jobs print their own messages, `RunProgress` how far the run is, and `Outcome` what there is to do and which jobs failed.
Snakemake's log in .snakemake/log is as it was.
"""

import logging
import sys
from typing import Any

from snakemake.settings.enums import Quietness
from snakemake_interface_logger_plugins.common import LogEvent

from stir_workflow.running.progress import is_job
from stir_workflow.store.places import name_of_artifact

KEPT = ("Nothing to be done", "Terminating processes", "Trying to restart job", "Unlocked")
"""How the messages begin that are shown, of those that are neither warnings nor errors."""
REPEATED = ("RuleException:\nCalledProcessError", "Exiting because a job execution failed", "WorkflowError:\nAt least one job")
"""How errors begin that only repeat that a job failed: with its whole command, and its settings as JSON."""
FINAL = "Exiting because a job execution failed"
MOST = 20


def thin(log: logging.Logger, workflow: Any) -> None:
    """Leave out Snakemake's lines about each job, where the profile asks for that (quiet: rules) and jobs run on this machine."""
    streams = [handler for handler in log.handlers if handler.name == "DefaultStreamHandler"]
    quiet = [handler for handler in streams if any(Quietness.RULES in getattr(each, "quiet", ()) for each in handler.filters)]
    if quiet and workflow.nodes is None:
        for handler in quiet:
            handler.addFilter(_Thinned(workflow))
        log.addHandler(Outcome())


class _Thinned(logging.Filter):
    def __init__(self, workflow: Any) -> None:
        super().__init__()
        self._workflow = workflow
        self._counts: set[str] = set()

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether a message is shown; all are where no job runs, as with --dry-run, which repeats its counts of jobs."""
        if getattr(record, "event", None) == LogEvent.RUN_INFO:
            is_new = (counts := record.getMessage()) not in self._counts
            self._counts.add(counts)
            return is_new and (self._workflow.executor_plugin is None or self._workflow.dryrun)
        if self._workflow.executor_plugin is None or self._workflow.dryrun or record.levelno < logging.INFO:
            return True
        message = record.getMessage()
        if record.levelno > logging.INFO:
            return not message.startswith(REPEATED)
        return message.startswith(KEPT) or getattr(record, "event", None) == LogEvent.SHELLCMD


class Outcome(logging.Handler):
    """Say how many jobs there are to do, and at the end which failed, and that nothing is lost."""

    def __init__(self) -> None:
        super().__init__()
        self._failed: dict[str, str] = {}
        self._counted = False

    def emit(self, record: logging.LogRecord) -> None:
        """Record Snakemake's events, and print lines at the beginning and the end."""
        event, facts = getattr(record, "event", None), vars(record)
        if event == LogEvent.RUN_INFO and not self._counted:
            self._counted = True
            jobs = {rule: int(count) for rule, count in facts["stats"].items() if is_job(rule)}
            _say(f"{_jobs(sum(jobs.values()))}: {', '.join(f'{count} {rule}' for rule, count in jobs.items())}")
        elif event == LogEvent.JOB_ERROR and facts["output"]:
            rule, logs = facts["rule_name"], list(facts["log"])
            self._failed[name_of_artifact(rule, str(facts["output"][0]))] = logs[0] if logs else "no log"
        elif record.levelno == logging.ERROR and str(record.msg).startswith(FINAL):
            self._say_failed()

    def _say_failed(self) -> None:
        for name, log in list(self._failed.items())[:MOST]:
            _say(f"failed: {name.replace('/', ' ', 1)} ({log})")
        more = f" ({len(self._failed) - MOST} more than these)" if len(self._failed) > MOST else ""
        why = "for the error above" if len(self._failed) == 1 else "each for the error above"
        _say(
            f"{_jobs(len(self._failed))} failed{more}, {why}. Finished files are kept; after a correction the same command "
            "continues."
        )


def _jobs(count: int) -> str:
    return "1 job" if count == 1 else f"{count} jobs"


def _say(line: str) -> None:
    print(f"[stir] {line}", file=sys.stderr, flush=True)
