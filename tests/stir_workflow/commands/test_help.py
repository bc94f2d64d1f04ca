"""`stir --help` is quick, sorted by what commands are for, and every command has an example."""

import subprocess
import sys

import click
import pytest

from stir_workflow.cli import ELSEWHERE, SECTIONS, main

HEAVY = ("torch", "pandas", "numpy", "rich", "snakemake", "matplotlib")
COMMANDS = main.list_commands(click.Context(main))


def test_help_and_version_import_nothing_heavy():
    call = "import sys\nfrom stir_workflow.cli import main\nmain({!r}, standalone_mode=False)\n"
    call += f"print([module for module in {HEAVY} if module in sys.modules])"
    for arguments in (["--version"], ["run", "--help"], ["score", "--help"]):
        ran = subprocess.run([sys.executable, "-c", call.format(arguments)], capture_output=True, text=True, check=True)
        assert ran.stdout.splitlines()[-1] == "[]", arguments


def test_every_command_is_listed_once(stir):
    result = stir("--help")
    assert result.exit_code == 0
    for command in COMMANDS:
        assert result.stdout.count(f"\n  {command} ") == 1
    assert sum(map(len, SECTIONS.values())) == len({name for names in SECTIONS.values() for name in names})
    assert set(ELSEWHERE) <= set(COMMANDS)


@pytest.mark.parametrize("command", sorted({*COMMANDS} - {"make", "cache"}))
def test_the_help_of_every_command_ends_with_an_example(stir, command):
    shown = stir(command, "--help").stdout
    assert f"Example: stir {command} " in " ".join(shown.split())


def test_versions_are_printed_in_a_line(stir):
    words = stir("--version").stdout.split()
    assert words[::2] == ["stir", "torch", "python", "snakemake"]


def test_an_unknown_command_is_refused_with_near_ones(refused):
    assert "Unknown command 'scores'. Did you mean 'score'" in refused("scores")
