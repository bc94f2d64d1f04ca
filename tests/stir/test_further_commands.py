"""In the folder of a project `stir` has the project's commands; elsewhere it says where they are."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = """
import click

@click.command()
def greet():
    "Say that the project was here."
    click.echo("from the project")

@click.command()
def make():
    click.echo("not what make is")

COMMANDS = {"greet": greet, "make": make}
"""


@pytest.fixture
def project(tmp_path):
    package = tmp_path / "workflow" / "housekeeping"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "commands.py").write_text(COMMANDS)
    return tmp_path


def stir(folder, *arguments):
    """Run in a process of its own: what a folder adds must not stay."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "stir", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, env=environment, check=False)


def test_a_projects_command_runs_and_is_listed(project):
    assert stir(project, "greet").stdout == "from the project\n"
    listed = stir(project, "--help").stdout
    assert "Say that the project was here." in listed
    assert "verify" in listed


def test_the_librarys_commands_are_not_replaced(project):
    assert "not what make is" not in stir(project, "make", "--help").stdout


def test_elsewhere_it_is_said_where_they_are(tmp_path):
    ran = stir(tmp_path, "cache")
    assert ran.returncode == 2
    assert f"one with workflow/; {tmp_path} has none. Go there: cd path/to/project" in ran.stderr
    assert "Traceback" not in ran.stderr
    assert "verify" in stir(tmp_path, "--help").stdout


def test_a_misspelt_command_in_a_project_is_a_plain_error(project):
    ran = stir(project, "gret")
    assert ran.returncode == 2
    assert "No such command 'gret'" in ran.stderr
    assert "Go there" not in ran.stderr


def test_what_is_not_installed_is_said(project):
    (project / "workflow" / "housekeeping" / "commands.py").write_text("import no_such_package")
    ran = stir(project, "greet")
    assert ran.returncode == 1
    assert "No module named 'no_such_package'. Install it all: pip install -e '.[workflow]'" in ran.stderr
    assert "Traceback" not in ran.stderr
    assert stir(project, "--help").returncode == 0
    assert stir(project, "verify", "--help").returncode == 0


def test_this_project_has_a_cache_to_keep():
    assert "Remove artifacts that no experiment needs" in stir(ROOT, "cache", "prune", "--help").stdout
