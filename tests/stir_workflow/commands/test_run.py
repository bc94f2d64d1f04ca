"""`stir run` calls Snakemake with the workflow's Snakefile and profile; tests/workflow runs it."""

import signal
import sys
from pathlib import Path

import pytest

from stir_workflow.commands import passing_on
from tests.experiment_files import ROOT


@pytest.fixture
def called(monkeypatch):
    commands = []
    monkeypatch.setattr(passing_on, "call", lambda command, _environment: commands.append(command) or (7, None))
    return commands


def test_snakemake_is_called_with_the_snakefile_the_profile_and_further_arguments(stir, called):
    assert stir("run", "quickstart", "--cores", "2", "--profile", "slurm", "--forceall").exit_code == 7
    (command,) = called
    assert command[:5] == [sys.executable, "-P", "-m", "snakemake", "--snakefile"]
    assert Path(command[5]) == ROOT / "Snakefile"
    assert command[6:10] == ["--workflow-profile", str(ROOT / "workflow" / "profiles" / "slurm"), "--cores", "2"]
    assert command[10:] == ["--config", "experiment=quickstart", "device=auto", "--forceall"]


def test_targets_follow_two_dashes_and_an_empty_scale_is_none(stir, called):
    assert stir("run", "--scale", "", "--", "quickstart").exit_code == 7
    assert called[0][-2:] == ["experiment=quickstart", "device=auto"]
    assert stir("run", "random_init", "--scale", "small", "--", "checkpoints").exit_code == 7
    assert called[1][-3:] == ["scale=small", "--", "checkpoints"]


@pytest.mark.parametrize("arguments", [(), ("--scale", "", "--", ""), ("-n",), ("--cores", "2")])
def test_nothing_is_run_unless_an_experiment_is_named(refused, called, arguments):
    said = refused("run", *arguments)
    assert "Usage: main run [OPTIONS] EXPERIMENT" in said
    assert "A small one to begin with: stir run quickstart" in said
    assert called == []


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interruption_is_followed_by_a_line_and_an_exit_status(stir, monkeypatch, number, code):
    monkeypatch.setattr(passing_on, "call", lambda _command, _environment: (1, number))
    result = stir("run", "quickstart")
    assert result.exit_code == code
    assert result.stderr == "[stir] interrupted: finished files are kept; the same command continues.\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("quickstrat",), "error: Unknown experiment 'quickstrat'. Did you mean 'quickstart'?"),
        (("quickstart", "--scale", "large"), "Unknown scale 'large'"),
        (
            ("quickstart", "--profile", "slumr"),
            "got 'slumr'. Did you mean 'slurm'?",
        ),
        (("quickstart", "--profile", "."), "Expected a profile, a folder with config.yaml; got '.'"),
        (("quickstart", "--device", "tpu"), "'tpu' is not one of"),
    ],
)
def test_what_cannot_be_run_is_refused_before_snakemake_starts(refused, called, arguments, message):
    assert message in refused("run", *arguments)
    assert called == []


def test_without_a_clone_the_remedy_is_said(refused, called, monkeypatch, here):
    monkeypatch.setattr("stir_workflow.planning.reading.WORKFLOW", here / "workflow")
    assert "Install from a clone of the repository" in refused("run", "quickstart")
