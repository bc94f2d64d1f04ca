"""`snakemake --report` shows published tables and figures, and `stir report` says where the report is."""

from pathlib import Path

from click.testing import CliRunner

from stir_workflow.cli import main
from stir_workflow.store.stamps import stamped
from tests.workflow.snakemake import planned, snakemake


def test_snakemakes_report_has_tables_and_figures_with_captions(copied):
    ran = snakemake(copied, "tiny.yaml", "--report", "all.html")
    assert ran.code == 0, ran.text
    published = [name for name in stamped(copied / planned(copied).publication.path) if name.endswith((".csv", ".png"))]
    assert len(published) == 4 + 3
    assert [name for name in published if f"Adding {name}" not in ran.text] == []
    page = (copied / "all.html").read_text(encoding="utf-8")
    for words in ("95% intervals, standard errors", "Reference models are in rows", "identically represented inputs"):
        assert words in page


def test_the_command_report_names_the_page_or_what_is_missing(copied, monkeypatch):
    monkeypatch.chdir(copied)
    result = CliRunner().invoke(main, ["report", "tiny.yaml"])
    assert result.output == "Report: results/report/tiny.html\n"
    page = Path("results/report/tiny.html").read_text(encoding="utf-8")
    assert "Does every stage do its work?" in page
    plan = planned(copied)
    for missing in (plan.publication, plan.evaluations[0]):
        Path(missing.path).unlink()
    said = CliRunner().invoke(main, ["report", "tiny.yaml"]).output
    assert "missing are 1 of 2 evaluations, 1 of 1 publications. Make them: stir run tiny.yaml\n" in said


def test_pictures_of_a_finished_experiment_are_drawn(copied, monkeypatch):
    monkeypatch.chdir(copied)
    result = CliRunner().invoke(main, ["plot", "results/tables/tiny.csv", "--kind", "images", "-n", "2", "-o", "iris.svg"])
    assert result.exit_code == 0, result.output
    drawn = Path("iris.svg").read_text(encoding="utf-8")
    for words in ("reference images", "seed images", *(f"IRIs of {model.name}" for model in planned(copied).models)):
        assert words in drawn
