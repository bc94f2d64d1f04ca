"""Parameters, metrics and plots that DVC compares and varies, and the jobs that it runs for them."""

import json
import re
from pathlib import Path

import pandas as pd
import pytest
import vl_convert

from tests.dvc.clone import EXPERIMENT, announced
from tests.workflow import jobs

FROM_SCORES = {stage: jobs.TINY[stage] for stage in ("score", "table", "figure", "report", "publication")}
PICTURES = {f"quickstart-penultimate-{what}.png" for what in ("images", "linear_cka")}

METRICS = {
    "similarity_mean",
    *(f"stir_{what}" for what in ("mean", "low", "high", "ceiling_mean", "noise_mean", "excess_mean")),
}
CDN = "https://cdn.jsdelivr.net/npm/vega"
STIR = "STIR of target given reference, with its interval and noise of the same distance (black)"
ACCURACIES = "Accuracies on clean and on attacked images"


def pictures_of(page):
    """Return the files that a page shows, which all lie beside it; they need no script, and nothing from a network."""
    text = page.read_text(encoding="utf-8")
    assert "<link" not in text
    loaded = re.findall(r'<script src="([^"]+)"', text)
    assert all(source.startswith(CDN) for source in loaded), "docs/dvc.md says so"
    sources = re.findall(r'<img src="([^"]+)"', text)
    assert all((page.parent / source).read_bytes().startswith(b"\x89PNG") for source in sources)
    return [Path(source).name for source in sources]


def marks_of(page):
    """Draw the charts of a page; return title -> what each mark of the chart says to a screen reader, by name."""
    charts = {}
    for text in re.findall(r"var spec = (\{.*\});", page.read_text(encoding="utf-8")):
        drawn = vl_convert.vegalite_to_svg(json.loads(text), vl_version="5.8").replace("\N{MINUS SIGN}", "-")
        said = re.findall(r'aria-label="([^"]*; [^"]*)"', drawn)
        charts[json.loads(text)["title"]["text"]] = [dict(part.split(": ") for part in mark.split("; ")) for mark in said]
    return charts


def test_metrics_have_names_and_figures_open_offline(pulled, tmp_path):
    (shown,) = pulled.json("dvc", "metrics", "show", "--json")[""]["data"].values()
    scores = shown["data"]["scores"]["residual"]["plain"]["penultimate"]["linear_cka"]
    assert scores.keys() == METRICS
    assert shown["data"]["models"].keys() == {"residual-0", "plain-0"}
    pulled.run("dvc", "plots", "show", "--out", tmp_path / "plots")
    names = pictures_of(tmp_path / "plots" / "index.html")
    assert len(names) == len(PICTURES)
    assert all(any(name.endswith(picture) for name in names) for picture in PICTURES)


def test_charts_have_the_numbers_of_the_tables(pulled, tmp_path):
    pulled.run("dvc", "plots", "show", "--out", tmp_path / "plots")
    charts = marks_of(tmp_path / "plots" / "index.html")
    assert charts.keys() == {STIR, ACCURACIES}

    rows = pd.read_csv(pulled.path / "results/tables/quickstart-summary.csv").to_dict("records")
    expected = {
        (f"{row['target_group']} given {row['reference_group']}", f"{row['similarity_measure']}, {row['target_layer']}"): row
        for row in rows
    }
    assert len(expected) == len(rows) == 4
    for first, column in {"STIR": "stir_low", "stir_mean": "stir_mean", "stir_noise_mean": "stir_noise_mean"}.items():
        drawn = {(mark["pair"], mark["measure, layer"]): mark for mark in charts[STIR] if next(iter(mark)) == first}
        assert drawn.keys() == expected.keys(), first
        for place, mark in drawn.items():
            assert float(mark[first]) == pytest.approx(expected[place][column], abs=1e-9)
            assert float(mark["stir_high"]) == pytest.approx(expected[place]["stir_high"], abs=1e-3)

    models = pd.read_csv(pulled.path / "results/tables/quickstart-models.csv", index_col="model")
    bars = {(mark["model"], f"{mark['images']}_accuracy"): float(mark["accuracy"]) for mark in charts[ACCURACIES]}
    assert bars == pytest.approx(models[["clean_accuracy", "robust_accuracy"]].stack().to_dict())


@pytest.mark.long
def test_an_experiment_makes_what_its_parameter_affects_and_is_compared(pulled, tmp_path):
    said = pulled.run("dvc", "exp", "run", "--name", "fewer", "-S", f"{EXPERIMENT}:similarity_measures=[linear_cka]")
    assert announced(said) == FROM_SCORES

    (changes,) = pulled.json("dvc", "params", "diff", "--json").values()
    assert changes["similarity_measures"]["old"] == "['linear_cka', 'linear_cka_debiased']"
    assert changes["similarity_measures"]["new"] == "['linear_cka']"

    (changes,) = pulled.json("dvc", "metrics", "diff", "--json").values()
    assert all(".linear_cka_debiased." in name for name in changes)
    assert {tuple(name.split(".")[1:3]) for name in changes} == {("residual", "plain"), ("plain", "residual")}
    assert {name.split(".")[-1] for name in changes} == METRICS

    pulled.run("dvc", "plots", "diff", "HEAD", "--out", tmp_path / "plots")
    names = pictures_of(tmp_path / "plots" / "index.html")
    assert len(names) == 2 * len(PICTURES), "before and after"
    revisions = {(mark["rev"], mark["measure, layer"]) for mark in marks_of(tmp_path / "plots" / "index.html")[STIR]}
    assert revisions == {("HEAD", "linear_cka, penultimate"), ("HEAD", "linear_cka_debiased, penultimate")} | {
        ("workspace", "linear_cka, penultimate")
    }

    assert "fewer" in pulled.run("dvc", "exp", "show", "--csv", "--only-changed")
    pulled.run("git", "checkout", "--", EXPERIMENT, "dvc.lock")
    pulled.run("dvc", "checkout")
    assert pulled.due() == {}
    pulled.run("dvc", "exp", "apply", "fewer")
    assert pulled.due() == {}, "what the experiment made came back with it"


@pytest.mark.long
def test_a_parameter_in_a_list_of_models_reaches_what_it_affects(pulled):
    said = pulled.run("dvc", "exp", "run", "-S", f"{EXPERIMENT}:models.1.width=3")
    assert announced(said) == jobs.TINY_AFTER_PLAIN | {"checkpoint": 2}, "also the untrained network of that width"
