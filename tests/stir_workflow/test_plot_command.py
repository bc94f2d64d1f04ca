"""``stir plot`` writes figures of published tables and of IRIs, or one message."""

import re

import pandas as pd
import pytest
from click.testing import CliRunner

import stir
from stir.tables import csv_text
from stir_workflow.cli import main
from tests.tables_of_scores import model, score_rows

MODELS = [model("vanilla", 0), model("vanilla", 1), model("at", 0), model("at", 1)]
NAMES = [row["model"] for row in MODELS]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    scores = score_rows(MODELS, lambda *_: 0.5, layers=["stage3", "penultimate"])
    (tmp_path / "mine.csv").write_text(csv_text(scores))
    (tmp_path / "mine-models.csv").write_text(csv_text(pd.DataFrame(MODELS)))
    called = zip(NAMES, ("plain", "plain 2", "robust", "robust 2"), strict=True)
    (tmp_path / "names.yaml").write_text("".join(f"{model}: {name}\n" for model, name in called))
    return tmp_path


def run(*arguments, code=0):
    result = CliRunner().invoke(main, ["plot", *map(str, arguments)])
    assert result.exit_code == code, result.output
    return result.output


@pytest.mark.parametrize("kind", ["heatmap", "bars", "layers"])
def test_each_kind_is_written_in_each_format_with_texts_and_the_same_each_time(folder, kind):
    chosen = ["mine.csv", "--kind", kind, "--width", "120mm", "--names", "names.yaml", "--pdf", "-o", "mine.svg"]
    said = run(*chosen)
    assert f"mine-{kind}.pdf" in said
    files = [folder / f"mine-{kind}.pdf", folder / "mine.svg"]
    first = [path.read_bytes() for path in files]
    assert b"/FontFile2" in first[0]
    points = float(re.search(rb'width="([\d.]+)pt"', first[1])[1])
    assert points == pytest.approx(120 / 25.4 * 72, abs=0.01)
    assert b"</text>" in first[1]
    run(*chosen, "--overwrite")
    assert [path.read_bytes() for path in files] == first


def test_models_are_chosen_and_named(folder):
    run("mine.csv", "--models", f"{NAMES[2]}, {NAMES[0]}", "--names", "names.yaml", "--scores", "stir", "-o", "mine.svg")
    found = re.findall(r"(plain|robust)</text>", (folder / "mine.svg").read_text())
    assert found == ["robust", "plain", "robust", "plain"]


def test_a_bare_figure_has_title_and_notes_in_what_is_printed(folder):
    said = run("mine.csv", "--bare", "-o", "bare.svg")
    run("mine.csv", "-o", "whole.svg")
    assert "layer penultimate" in said
    assert "grey: a model with itself" in said
    assert "grey: a model" in (folder / "whole.svg").read_text()
    assert "grey: a model" not in (folder / "bare.svg").read_text()


def test_pictures_of_saved_results_are_drawn(folder, digits):
    inversion = stir.invert(
        stir.models.build_model(stir.models.Architecture("resnet8", 2, 1, 10), random_seed=0).eval(),
        digits[0][:6],
        random_seed=0,
        max_iterations=2,
        tolerance=5.0,
    )
    inversion.save("first.h5")
    run("first.h5", "--kind", "images", "-n", "3", "-o", "iris.svg")
    assert "IRIs of first" in (folder / "iris.svg").read_text()
    assert (folder / "iris.svg").read_text().count("<image") == 1


def test_a_file_that_exists_is_replaced_on_request_only(folder):
    (folder / "mine.pdf").write_text("mine")
    assert "mine.pdf exists" in run("mine.csv", "-o", "mine.pdf", code=1)
    assert (folder / "mine.pdf").read_text() == "mine"
    assert sorted(path.name for path in folder.glob(".*")) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none.csv"], "none.csv"),
        (["mine-models.csv"], "none of these"),
        (["mine.csv", "mine.csv"], "Expected one table; got 2"),
        (["mine.csv", "--models", "a"], "Unknown model 'a' in mine.csv"),
        (["mine.csv", "--scores", "cka"], "Unknown score 'cka'"),
        (["mine.csv", "--names", "none.yaml"], "none.yaml"),
        (["mine.csv", "--names", "mine.csv"], "mine.csv"),
        (["mine.csv", "-o", "nowhere/mine.pdf"], "Expected a folder at nowhere"),
        (["mine.csv", "-o", "mine.jpg"], "Unknown format of a figure 'jpg'"),
        (["mine.csv", "--kind", "images"], "pass files of results/iris instead"),
        (["names.yaml", "--kind", "images"], "names.yaml"),
    ],
)
def test_bad_input_is_one_message(folder, arguments, message):
    said = run(*arguments, code=1)
    assert message in said
    assert said.startswith("error: ")
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize(
    "names", ["- a\n", "a: [", "a: 1\n", "!!python/object:os.system x\n", "? [a]\n: b\n", f"{NAMES[0]}: {NAMES[1]}\n"]
)
def test_display_names_that_cannot_be_used_are_one_message(folder, names):
    (folder / "names.yaml").write_text(names)
    said = run("mine.csv", "--names", "names.yaml", code=1)
    assert said.startswith("error: ")
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize("width", ["3.3", "3.3 feet", "-1in", "nan in"])
def test_a_width_has_a_unit(folder, width):
    assert "such as 3.3in" in run("mine.csv", "--width", width, code=2)
