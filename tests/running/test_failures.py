"""What failed jobs said on other nodes."""

import logging

import pytest
from snakemake_interface_logger_plugins.common import LogEvent

from running.failures import LINES, FailedLogs


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def say(folder, capsys):
    """Tell the handler of an event, and return what it printed."""

    def tell(event=LogEvent.JOB_ERROR, **facts):
        about = {"rule_name": "score", "rule_msg": None, "output": ["score.csv"], "log": ["own.log", "scheduler.log"]}
        FailedLogs().emit(logging.makeLogRecord({"event": event, **about, **facts}))
        return capsys.readouterr().err

    return tell


def test_the_end_of_the_jobs_own_log_is_shown(say, folder):
    (folder / "own.log").write_text("".join(f"line {number}\n" for number in range(100)), encoding="utf-8")
    (folder / "scheduler.log").write_text("slurmstepd: error\n", encoding="utf-8")
    said = say().splitlines()
    assert said[:3] == ["[stir] score failed: score.csv", "own.log:", f"    line {100 - LINES}"]
    assert said[-1] == "    line 99"


@pytest.mark.parametrize("own", ["", None])
def test_of_a_job_that_said_nothing_the_schedulers_log_is_shown(say, folder, own):
    if own is not None:
        (folder / "own.log").write_text(own, encoding="utf-8")
    (folder / "scheduler.log").write_text("slurmstepd: error: out of memory\n", encoding="utf-8")
    assert "scheduler.log:\n    slurmstepd: error: out of memory" in say()


def test_without_logs_the_schedulers_message_is_shown(say):
    assert say(rule_msg="SLURM status is: 'CANCELLED'").splitlines()[1:] == [
        "SLURM status is: 'CANCELLED'",
        "Its logs are empty.",
    ]


def test_a_job_of_a_failed_group_that_gave_its_files_is_not_named(say, folder):
    (folder / "score.csv").touch()
    assert say() == ""


def test_other_events_are_not_failures(say):
    assert say(event=LogEvent.JOB_FINISHED) == ""
