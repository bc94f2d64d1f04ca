"""The command ``stir report``: where a report is, what is missing, and reports of kept tables."""

import json
import shutil

import pytest
from click.testing import CliRunner

from stir_workflow.cli import main
from tests.experiment_files import ROOT

KEPT = ROOT / "docs" / "poster" / "small"
NAME = "random_init"


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: CliRunner().invoke(main, ["report", *map(str, arguments)])


@pytest.fixture
def tables(tmp_path):
    for file in KEPT.glob(f"{NAME}*"):
        (tmp_path / "kept").mkdir(exist_ok=True)
        shutil.copy(file, tmp_path / "kept")
    return tmp_path / "kept"


def test_of_an_experiment_that_is_not_finished_it_lists_what_is_missing_and_the_command(run):
    result = run("quickstart")
    assert result.exit_code == 1
    assert result.output.startswith("error: Expected a finished experiment quickstart; missing are 1 of 1 datasets, 10 of 10 ")
    assert "1 of 1 tables, 1 of 1 figures, 1 of 1 reports, 1 of 1 publications. Make them: stir run quickstart" in result.output
    assert "Make them: stir run losses_architectures --scale small\n" in run("losses_architectures", "--scale", "small").output
    assert len(result.output.splitlines()) == 1


def test_kept_tables_make_a_report_with_the_experiments_question_command_and_provenance(run, tables, tmp_path):
    result = run(NAME, "--scale", "small", "--tables", tables)
    assert result.output == f"Report: {NAME}.html\n"
    page = (tmp_path / f"{NAME}.html").read_text(encoding="utf-8")
    assert "STIR" in page
    assert f"{NAME}.yaml scale=small" in page
    assert "Pictures, learning curves and scores per image are not in tables" in page
    assert json.loads((tables / f"{NAME}-provenance.json").read_text())["versions"]["torch"] in page


def test_a_file_that_is_there_is_kept_unless_it_is_forced(run, tables, tmp_path):
    (tmp_path / "mine.html").write_text("mine")
    result = run(NAME, "--scale", "small", "--tables", tables, "--output", "mine.html")
    assert (result.exit_code, (tmp_path / "mine.html").read_text()) == (1, "mine")
    assert "there is one at mine.html. Name another with --output, or add --force." in result.output
    assert run(NAME, "--scale", "small", "--tables", tables, "--output", "mine.html", "--force").exit_code == 0
    assert (tmp_path / "mine.html").read_text() != "mine"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("quickstrat",), "Unknown experiment 'quickstrat'"),
        (("quickstart,random_init",), "Expected one experiment; got several"),
        ((NAME, "--tables", "nowhere"), "Expected a folder with the tables of random_init; there is none at nowhere"),
        ((NAME, "--tables", "."), "Expected the table random_init.csv in .; got none."),
        (("../etc/passwd\n", "--tables", "."), "Expected the experiment as a name of letters"),
    ],
)
def test_what_it_cannot_show_is_refused_in_one_line(run, arguments, said):
    result = run(*arguments)
    assert result.exit_code == 1
    assert said in result.output
    assert len(result.output.splitlines()) == 1
    assert "Traceback" not in result.output


@pytest.mark.parametrize("content", ["", "[]", "{", '{"versions": 3}', '{"seconds": {"iri": "long"}}', '{"devices": [1]}'])
def test_provenance_that_is_none_is_refused_with_its_file(run, tables, content):
    (tables / f"{NAME}-provenance.json").write_text(content)
    result = run(NAME, "--scale", "small", "--tables", tables)
    assert result.exit_code == 1
    assert f"{NAME}-provenance.json; it cannot be read so" in result.output
