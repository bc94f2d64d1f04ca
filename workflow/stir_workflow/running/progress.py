"""Print progress and the estimated time left after every job."""

import logging
import sys
import time
from collections import defaultdict

from snakemake_interface_logger_plugins.common import LogEvent
from tqdm.std import tqdm

SECONDS_BETWEEN_LINES = 5


def is_job(rule: str) -> bool:
    """Return whether a count of Snakemake's is one of jobs that make files; in a module, ``all`` may have a prefix."""
    return rule not in ("total", "all") and not rule.endswith("_all")


class RunProgress(logging.Handler):
    """Estimate the time left from the mean duration of each rule's finished jobs.

    Rules without a finished job are estimated by the mean of the others, so the
    estimate improves as the run proceeds through its stages.
    """

    def __init__(self, cores: int) -> None:
        super().__init__()
        self._cores = max(1, cores)
        self._began = time.monotonic()
        self._said = 0.0
        self._planned: dict[str, int] = {}
        self._running: dict[int, tuple[str, float]] = {}
        self._durations: dict[str, list[float]] = defaultdict(list)

    def emit(self, record: logging.LogRecord) -> None:
        """Record Snakemake's events, and print the progress of the run."""
        event, now = getattr(record, "event", None), time.monotonic()
        if event == LogEvent.RUN_INFO:
            counts = record.stats  # type: ignore[attr-defined]
            self._planned = {rule: int(count) for rule, count in counts.items() if is_job(rule)}
        elif event == LogEvent.JOB_INFO:
            self._running[record.jobid] = (record.rule_name, now)  # type: ignore[attr-defined]
        elif event == LogEvent.JOB_FINISHED:
            rule, began = self._running.pop(record.job_id, ("?", now))  # type: ignore[attr-defined]
            if is_job(rule):
                self._durations[rule].append(now - began)
                self._say(now)

    def _say(self, now: float) -> None:
        total, done = sum(self._planned.values()), sum(map(len, self._durations.values()))
        if done < total and now - self._said < SECONDS_BETWEEN_LINES:
            return
        self._said = now
        elapsed = tqdm.format_interval(now - self._began)
        left = tqdm.format_interval(self.seconds_left())
        print(f"[stir] {done} of {total} jobs done, {elapsed} so far, about {left} left", file=sys.stderr, flush=True)

    def seconds_left(self) -> float:
        """Return the expected wall time of the remaining jobs."""
        finished = [duration for durations in self._durations.values() for duration in durations]
        overall = sum(finished) / len(finished) if finished else 0.0
        work = 0.0
        for rule, planned in self._planned.items():
            durations = self._durations.get(rule, [])
            mean = sum(durations) / len(durations) if durations else overall
            work += max(0, planned - len(durations)) * mean
        return work / self._cores
