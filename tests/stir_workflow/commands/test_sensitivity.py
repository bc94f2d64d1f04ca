"""The command ``stir sensitivity``: what it counts, what it runs, what it refuses."""

import pytest
from click.testing import CliRunner

from stir_workflow.cli import main
from stir_workflow.commands import passing_on


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: CliRunner().invoke(main, ["sensitivity", *arguments])


def test_a_dry_run_counts_what_is_to_be_made_for_each_variant(run):
    lines = run("quickstart", "--vary", "n", "-n").output.splitlines()
    assert lines[0].split() == ["to", "make", "checkpoint", "iri", "pair", "score"]
    assert [line[:13].strip() for line in lines[1:]] == ["experiment", "n_images 150", "n_images 75"]
    assert lines[2].split("  ")[-1].strip() == "8 of 8"


def test_it_runs_the_rule_with_further_arguments_for_snakemake(run, monkeypatch):
    commands = []
    monkeypatch.setattr(passing_on, "call", lambda command, _environment: commands.append(command) or (7, None))
    assert run("quickstart", "--vary", "n,tol", "--cores", "2").exit_code == 7
    (command,) = commands
    assert command[2:5] == ["-m", "snakemake", "sensitivity"]
    assert command[command.index("--config") + 1 :] == ["experiment=quickstart", "vary=n,tol", "device=auto", "--cores", "2"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("quickstrat",), "error: Unknown experiment 'quickstrat'"),
        (("quickstart", "--vary", "toleranse"), "error: --config vary: Expected settings to vary, of tolerance, n_images"),
        (("quickstart,random_init", "--vary", "tol"), "error: Expected one experiment; got several"),
    ],
)
def test_what_it_cannot_run_is_refused_in_one_line(run, arguments, said):
    result = run(*arguments)
    assert result.exit_code == 1
    assert result.output.startswith(said)
    assert len(result.output.splitlines()) == 1
