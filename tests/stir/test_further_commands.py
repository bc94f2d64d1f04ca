"""Beside its workflow `stir` has the workflow's commands; no code comes from the current folder."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HARM = "import pathlib; pathlib.Path('PWNED').touch()"


def stir(folder, *arguments, package=ROOT):
    """Run as the script does, in a process of its own."""
    environment = os.environ | {"PYTHONPATH": str(package), "PYTHONSAFEPATH": "1"}
    command = [sys.executable, "-m", "stir", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, env=environment, check=False)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A checkout with the package and commands of its own."""
    folder = tmp_path_factory.mktemp("checkout")
    shutil.copytree(ROOT / "stir", folder / "stir", ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def write_commands(folder, text):
    package = folder / "workflow" / "housekeeping"
    package.mkdir(parents=True, exist_ok=True)
    (package / "__init__.py").touch()
    (package / "commands.py").write_text(text)


COMMANDS = """
import click

@click.command()
def greet():
    "Say that the workflow was here."
    click.echo("from the workflow")

@click.command()
def make():
    click.echo("not what make is")

COMMANDS = {"greet": greet, "make": make}
"""


def test_the_workflows_commands_run_from_any_folder_and_are_listed(checkout, tmp_path):
    write_commands(checkout, COMMANDS)
    assert stir(tmp_path, "greet", package=checkout).stdout == "from the workflow\n"
    listed = stir(tmp_path, "--help", package=checkout).stdout
    assert "Say that the workflow was here." in listed
    assert "verify" in listed
    assert "not what make is" not in stir(tmp_path, "make", "--help", package=checkout).stdout
    ran = stir(tmp_path, "gret", package=checkout)
    assert ran.returncode == 2
    assert "No such command 'gret'" in ran.stderr
    assert "come with the workflow" not in ran.stderr


def test_what_is_not_installed_is_said(checkout, tmp_path):
    write_commands(checkout, "import no_such_package")
    ran = stir(tmp_path, "greet", package=checkout)
    assert ran.returncode == 1
    assert "No module named 'no_such_package'. Install it all: pip install -e '.[workflow]'" in ran.stderr
    assert "Traceback" not in ran.stderr
    assert stir(tmp_path, "--help", package=checkout).returncode == 0


def test_without_a_workflow_it_is_said_where_more_commands_are_expected(checkout, tmp_path):
    shutil.rmtree(checkout / "workflow", ignore_errors=True)
    ran = stir(tmp_path, "cache", package=checkout)
    assert ran.returncode == 2
    assert f"come with the workflow, which is expected at {checkout / 'workflow'}; there is none" in ran.stderr
    assert "Traceback" not in ran.stderr


@pytest.mark.parametrize("arguments", [["--help"], ["cache", "list"], ["verify"], ["gret"]])
def test_no_code_comes_from_the_current_folder(tmp_path, arguments):
    write_commands(tmp_path, HARM)
    for name in ("json", "click", "housekeeping", "planning", "torch", "sitecustomize"):
        (tmp_path / f"{name}.py").write_text(HARM)
    stir(tmp_path, *arguments)
    assert not (tmp_path / "PWNED").exists()


def test_this_project_has_a_cache_to_keep(tmp_path):
    assert "Remove artifacts that no experiment needs" in stir(tmp_path, "cache", "prune", "--help").stdout
