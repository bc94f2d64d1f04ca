"""Parameters, metrics and plots that DVC compares and varies, and the jobs that it runs for them."""

import re
from pathlib import Path

import pytest

from tests.dvc.clone import EXPERIMENT, jobs_of
from tests.workflow.jobs import TINY_AFTER_PLAIN
from tests.workflow.snakemake import Ran

TABLES = {"score", "table", "figure", "publication"}
PICTURES = {f"quickstart-penultimate-{what}.png" for what in ("images", "linear_cka")}


def pictures_of(page):
    """Return the files that a page shows, which all lie beside it."""
    text = page.read_text(encoding="utf-8")
    assert not re.search(r"<script|<link|https?://", text), "it needs nothing from a network"
    sources = re.findall(r'<img src="([^"]+)"', text)
    assert all((page.parent / source).read_bytes().startswith(b"\x89PNG") for source in sources)
    return [Path(source).name for source in sources]


def test_metrics_have_names_and_plots_open_offline(pulled, tmp_path):
    (shown,) = pulled.json("dvc", "metrics", "show", "--json")[""]["data"].values()
    scores = shown["data"]["scores"]["residual"]["plain"]["penultimate"]["linear_cka"]
    assert scores.keys() == {
        "similarity_mean",
        *(f"stir_{what}" for what in ("mean", "low", "high", "ceiling_mean", "noise_mean", "excess_mean")),
    }
    assert shown["data"]["models"].keys() == {"residual-0", "plain-0"}
    pulled.run("dvc", "plots", "show", "--out", tmp_path / "plots")
    names = pictures_of(tmp_path / "plots" / "index.html")
    assert len(names) == len(PICTURES)
    assert all(any(name.endswith(picture) for name in names) for picture in PICTURES)


@pytest.mark.long
def test_an_experiment_makes_what_its_parameter_affects_and_is_compared(pulled, tmp_path):
    said = pulled.run("dvc", "exp", "run", "--name", "fewer", "-S", f"{EXPERIMENT}:similarity_measures=[linear_cka]")
    assert Ran(0, said).finished == jobs_of(*TABLES)

    (changes,) = pulled.json("dvc", "params", "diff", "--json").values()
    assert changes["similarity_measures"]["old"] == "['linear_cka', 'linear_cka_debiased']"
    assert changes["similarity_measures"]["new"] == "['linear_cka']"

    (changes,) = pulled.json("dvc", "metrics", "diff", "--json").values()
    assert len(changes) == 4
    assert all("linear_cka_debiased" in name for name in changes)

    pulled.run("dvc", "plots", "diff", "HEAD", "--out", tmp_path / "plots")
    names = pictures_of(tmp_path / "plots" / "index.html")
    assert len(names) == 2 * len(PICTURES), "before and after"

    assert "fewer" in pulled.run("dvc", "exp", "show", "--csv", "--only-changed")
    pulled.run("git", "checkout", "--", EXPERIMENT, "dvc.lock")
    pulled.run("dvc", "checkout")
    assert pulled.due() == {}
    pulled.run("dvc", "exp", "apply", "fewer")
    assert pulled.due() == {}, "what the experiment made came back with it"


@pytest.mark.long
def test_a_parameter_in_a_list_of_models_reaches_what_it_affects(pulled):
    said = pulled.run("dvc", "exp", "run", "-S", f"{EXPERIMENT}:models.1.width=3")
    assert Ran(0, said).finished == TINY_AFTER_PLAIN | {"all": 1}
