"""A study as its stage makes it from tables, and as it is published beside the tables of its experiment."""

from pathlib import Path

import pytest

from stir.tables import csv_text, read_table
from stir_workflow.stages import publication, study
from stir_workflow.stages.job import Job
from stir_workflow.store.facts import STAGES
from stir_workflow.store.identity import Recipe
from stir_workflow.store.stamps import make_keyed_folder, stamp, stamped
from tests.tables_of_scores import model, score_rows

MODELS = [model("vanilla"), model("at")]


def stamped_table(stir):
    """Write the table of scores of an experiment tiny as its stage does."""
    recipe = Recipe("table", STAGES["table"].version, {"experiment": "tiny", "stir": stir})
    path = Path("results/tables", f"tiny-{recipe.key}.stamp")
    csv = make_keyed_folder(path) / "tiny.csv"
    csv.write_text(csv_text(score_rows(MODELS, lambda *_: stir).assign(flags="")), encoding="utf-8")
    stamp(path, recipe, [csv])
    return path


def job(stage, settings, folder, name, **inputs):
    recipe = Recipe(stage, STAGES[stage].version, settings)
    return Job(recipe, Path("results", folder, f"{name}-{recipe.key}.stamp"), inputs)


@pytest.fixture
def made(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    settings = {"experiment": "tiny", "own": {"tolerance": "0.1"}, "variants": [{"setting": "tolerance", "value": "0.2"}]}
    made = job("study", settings, "sensitivity", "tiny", tables=[stamped_table(0.5), stamped_table(0.75)])
    study.make(made)
    return made


def test_the_first_table_is_the_experiments_and_the_others_are_its_variants(made):
    files = stamped(made.output)
    assert sorted(files) == ["tiny-sensitivity.csv", "tiny-sensitivity.png", "tiny-sensitivity.svg"]
    table = read_table(files["tiny-sensitivity.csv"])
    others = table[table["reference_model"] != table["target_model"]]
    assert list(zip(table["own_value"], table["value"], strict=True)) == [("0.1", "0.2")] * 4
    assert (others["difference"] == 0.25).all()


def test_it_is_published_beside_the_experiments_tables_and_removes_none(made):
    theirs = Path("results/tables/tiny.csv")
    theirs.write_text("theirs")
    name = "tiny-sensitivity"
    publication.make(job("publication", {"experiment": name}, "publications", name, sensitivity=[made.output]))
    assert Path("results/tables/tiny-sensitivity.csv").is_file()
    assert {path.name for path in Path("results/figures").iterdir()} == {"tiny-sensitivity.png", "tiny-sensitivity.svg"}
    assert theirs.read_text() == "theirs"
