"""Progress of a run and its estimated time left, from Snakemake's events."""

import logging

import pytest
from snakemake_interface_logger_plugins.common import LogEvent

from stir_workflow.running import progress
from stir_workflow.running.progress import RunProgress


class Clock:
    now = 1000.0

    def monotonic(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(progress, "time", clock)
    return clock


@pytest.fixture
def run(clock):
    """A run of 4 iri and 2 score jobs on two cores."""
    handler = RunProgress(cores=2)
    tell(handler, LogEvent.RUN_INFO, stats={"iri": 4, "score": 2, "total": 6})
    return handler


def tell(handler, event, **facts):
    handler.emit(logging.makeLogRecord({"event": event, **facts}))


def do_job(handler, clock, number, rule, seconds):
    tell(handler, LogEvent.JOB_INFO, jobid=number, rule_name=rule)
    clock.now += seconds
    tell(handler, LogEvent.JOB_FINISHED, job_id=number)


def test_nothing_is_known_before_a_job_has_finished(run):
    assert run.seconds_left() == 0


def test_rules_without_a_finished_job_count_as_the_mean_of_the_others(run, clock):
    do_job(run, clock, 1, "iri", 8)
    do_job(run, clock, 2, "iri", 12)
    assert run.seconds_left() == pytest.approx((2 * 10 + 2 * 10) / 2)


def test_every_rule_counts_with_its_own_mean(run, clock):
    do_job(run, clock, 1, "iri", 8)
    do_job(run, clock, 2, "iri", 12)
    do_job(run, clock, 3, "score", 1)
    assert run.seconds_left() == pytest.approx((2 * 10 + 1 * 1) / 2)


def test_jobs_beside_each_other_are_timed_apart(run, clock):
    tell(run, LogEvent.JOB_INFO, jobid=1, rule_name="iri")
    clock.now += 4
    tell(run, LogEvent.JOB_INFO, jobid=2, rule_name="score")
    clock.now += 2
    tell(run, LogEvent.JOB_FINISHED, job_id=2)
    clock.now += 4
    tell(run, LogEvent.JOB_FINISHED, job_id=1)
    assert run.seconds_left() == pytest.approx((3 * 10 + 1 * 2) / 2)


def test_a_finished_run_has_nothing_left(run, clock):
    for number in range(6):
        do_job(run, clock, number, "iri" if number < 4 else "score", 5)
    assert run.seconds_left() == 0


def test_it_says_how_far_the_run_is_and_what_is_left(run, clock, capsys):
    do_job(run, clock, 1, "iri", 60)
    line = capsys.readouterr().err
    assert "1 of 6 jobs done" in line
    assert "01:00 so far" in line
    assert "02:30 left" in line


def test_it_does_not_say_so_after_every_short_job_but_at_the_end(run, clock, capsys):
    clock.now += 60
    for number in range(6):
        do_job(run, clock, number, "iri" if number < 4 else "score", 0.1)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert "6 of 6 jobs done" in lines[-1]
    assert "00:00 left" in lines[-1]


def test_other_messages_are_passed_over(run, capsys):
    run.emit(logging.makeLogRecord({"msg": "Building DAG of jobs..."}))
    tell(run, LogEvent.SHELLCMD, cmd="true")
    assert capsys.readouterr() == ("", "")
