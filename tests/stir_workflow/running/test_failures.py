"""Logs of jobs that failed on other nodes."""

import logging
import re

import pytest
from snakemake_interface_logger_plugins.common import LogEvent

from stir_workflow.running.failures import LINES, FailedLogs, KilledJobs, meaning_of


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


@pytest.mark.parametrize(
    ("end", "said"),
    [
        ("returned non-zero exit status 137.", "exit status 137 means SIGKILL: .* memory ran out. .*--cores.*batch_size.*mem_mb"),
        ("returned non-zero exit status 139.", "exit status 139 means SIGSEGV: .*compiled package"),
        ("returned non-zero exit status 135.", "exit status 135 means SIGBUS: .*Make room"),
        ("returned non-zero exit status 143.", "exit status 143 means SIGTERM: .*Run the same command again"),
        ("died with <Signals.SIGKILL: 9>.", "the job's end means SIGKILL: "),
        ("returned non-zero exit status 138.", "exit status 138 means SIGUSR1: this signal ended the job"),
    ],
)
def test_the_signal_that_ended_a_job_is_explained(capsys, end, said):
    message = f"RuleException:\nCalledProcessError in file x.smk, line 3:\nCommand 'set -euo pipefail' {end}"
    KilledJobs().emit(logging.makeLogRecord({"event": LogEvent.ERROR, "msg": message}))
    assert re.search(said, capsys.readouterr().err)


@pytest.mark.parametrize("text", ["exit status 137", *(f"returned non-zero exit status {n}." for n in (1, 255)), ""])
def test_other_failures_need_no_explanation(text):
    assert meaning_of(text) is None
