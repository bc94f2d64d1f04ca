"""Under the default profile, Snakemake's lines about each job are left out, and a failed job is told of once."""

import logging
from types import SimpleNamespace

import pytest
from snakemake.logging import DefaultFilter
from snakemake.settings.enums import Quietness
from snakemake_interface_logger_plugins.common import LogEvent

from stir_workflow.running.console import Outcome, thin

COMMAND = (
    "RuleException:\nCalledProcessError in file results.smk, line 22:\nCommand 'stir make score --settings {\"n\": 1}' failed"
)


def shown_by(quiet=(Quietness.RULES,), executes=True, dryrun=False, nodes=None):
    """Return a function that says whether a message of Snakemake's is shown, and the logger."""
    log, handler = logging.Logger("snakemake"), logging.StreamHandler()
    handler.name = "DefaultStreamHandler"
    handler.addFilter(DefaultFilter(quiet, False, False, dryrun, False))
    log.addHandler(handler)
    thin(log, SimpleNamespace(nodes=nodes, executor_plugin=object() if executes else None, dryrun=dryrun))

    def shown(message, level=logging.INFO, **facts):
        return bool(handler.filter(logging.makeLogRecord({"msg": message, "levelno": level, **facts})))

    return shown, log


LEFT_OUT = [
    ("Select jobs to execute...", logging.INFO, None),
    ("Finished jobid: 3 (Rule: score)", logging.INFO, LogEvent.JOB_FINISHED),
    ("3 of 46 steps (7%) done", logging.INFO, LogEvent.PROGRESS),
    (COMMAND, logging.ERROR, LogEvent.ERROR),
    ("Exiting because a job execution failed. Look below for error messages", logging.ERROR, None),
    ("WorkflowError:\nAt least one job did not complete successfully.", logging.ERROR, LogEvent.ERROR),
]
KEPT = [
    ("Nothing to be done (all requested files are present and up to date).", logging.INFO, None),
    ("Terminating processes on user request, this might take some time.", logging.INFO, None),
    ("MissingOutputException in rule score", logging.ERROR, LogEvent.ERROR),
    ("Params have changed", logging.WARNING, None),
]


@pytest.mark.parametrize(("message", "level", "event"), LEFT_OUT)
def test_lines_about_each_job_and_repeated_errors_are_left_out_of_a_run_alone(message, level, event):
    assert not shown_by()[0](message, level, event=event)
    for others in ({"quiet": ()}, {"executes": False}, {"dryrun": True}, {"nodes": 4}):
        assert shown_by(**others)[0](message, level, event=event), others


@pytest.mark.parametrize(("message", "level", "event"), KEPT)
def test_other_messages_are_kept(message, level, event):
    assert shown_by()[0](message, level, event=event)


def test_the_outcome_is_told_where_lines_are_left_out():
    kinds = [[type(handler) for handler in shown_by(**case)[1].handlers] for case in ({}, {"quiet": ()}, {"nodes": 4})]
    assert [Outcome in each for each in kinds] == [True, False, False]


def tell(handler, message="", level=logging.INFO, **facts):
    handler.emit(logging.makeLogRecord({"msg": message, "levelno": level, **facts}))


def test_jobs_are_counted_at_the_beginning_and_failed_ones_named_once_at_the_end(capsys):
    outcome = Outcome()
    tell(outcome, event=LogEvent.RUN_INFO, stats={"score": 2, "table": 1, "all": 1, "total": 4})
    assert capsys.readouterr().err == "[stir] 3 jobs: 2 score, 1 table\n"
    failed = {"rule_name": "score", "output": ["results/scores/a.lbfgs-0123456789.h5"], "log": ["results/logs/score/a.log"]}
    for _ in range(2):  # attempts
        tell(outcome, level=logging.ERROR, event=LogEvent.JOB_ERROR, **failed)
    assert capsys.readouterr().err == ""
    tell(outcome, "Exiting because a job execution failed. Look below for error messages", logging.ERROR)
    first, last = capsys.readouterr().err.splitlines()
    assert first == "[stir] failed: score a.lbfgs-0123456789 (results/logs/score/a.log)"
    assert last.startswith("[stir] 1 job failed, for the error above. Finished files are kept")


def test_one_job_and_several_are_counted_in_the_right_number(capsys):
    outcome = Outcome()
    tell(outcome, event=LogEvent.RUN_INFO, stats={"table": 1, "all": 1, "total": 2})
    for name in "ab":
        failed = {"rule_name": "score", "output": [f"results/scores/{name}.lbfgs-0123456789.h5"], "log": []}
        tell(outcome, level=logging.ERROR, event=LogEvent.JOB_ERROR, **failed)
    tell(outcome, "Exiting because a job execution failed. Look below for error messages", logging.ERROR)
    first, *_, last = capsys.readouterr().err.splitlines()
    assert first == "[stir] 1 job: 1 table"
    assert last.startswith("[stir] 2 jobs failed, each for the error above. ")


def test_counts_of_jobs_are_shown_once_by_a_rehearsal_which_snakemake_repeats_and_not_by_a_run(capsys):
    counts = {
        "msg": "Job stats",
        "levelno": logging.INFO,
        "event": LogEvent.RUN_INFO,
        "stats": {"score": 2, "all": 1, "total": 3},
    }
    for dryrun, expected in ((True, [True, False]), (False, [False, False])):
        shown = shown_by(dryrun=dryrun)[0]
        assert [shown("Job stats", event=LogEvent.RUN_INFO) for _ in range(2)] == expected
    outcome = Outcome()
    for _ in range(2):
        outcome.emit(logging.makeLogRecord(counts))
    assert capsys.readouterr().err == "[stir] 2 jobs: 2 score\n"
