"""docs/poster.md matches docs/poster/, and states which experiments were run."""

import json
import runpy
import shutil
from pathlib import Path

import pandas as pd
import pytest
from matplotlib.figure import Figure

from stir_workflow.statements import judge
from stir_workflow.store.identity import Recipe
from tests.tables_of_scores import model, score_rows, wobble

ROOT = Path(__file__).resolve().parent.parent
MODELS = [
    model(objective, seed, model=f"{objective}-{seed}", attack_eps=eps) | {"robust_accuracy": 0.5 / eps}
    for objective in ("vanilla", "at")
    for seed in (0, 1)
    for eps in (1.0, 2.0)
]
MODELS[-1] |= {"flag": "low for its recipe"}


def script():
    return runpy.run_module("scripts.poster")


def seal(path, recipe):
    path.parent.mkdir(parents=True, exist_ok=True)
    made = {"device": "cpu", "device_kind": "x86_64 CPU", "versions": {"torch": "2.14"}, "code_version": "abc"}
    path.with_name(f"{path.name}.json").write_text(
        json.dumps({"key": recipe.key, "recipe": json.loads(recipe.to_json()), **made})
    )


def write_results(folder, name="random_init"):
    """The files of a run of random_init that the page reads."""
    table, models = scores(), pd.DataFrame(MODELS)
    (folder / "tables").mkdir(parents=True, exist_ok=True)
    table.to_csv(folder / "tables" / f"{name}.csv", index=False)
    models.to_csv(folder / "tables" / f"{name}-models.csv", index=False)
    judge(["random_init"], table, models).to_csv(folder / "tables" / f"{name}-verdicts.csv", index=False)
    (folder / "figures").mkdir(exist_ok=True)
    figure = Figure()
    figure.subplots().plot([0, 1])
    figure.savefig(folder / "figures" / f"{name}-bars-linear_cka.png")
    attack = {"norm": "l2", "eps": 1.0, "steps": 1}
    training = {
        "objective": "at",
        "epochs": 12,
        "batch_size": 128,
        "learning_rate": 0.1,
        "attack": attack,
    }
    checkpoint = Recipe(
        "checkpoint", 1, {"architecture": {"name": "resnet18", "width": 16}, "training": training, "random_seed": 0}
    )
    iri = Recipe("iri", 1, {"method": "lbfgs", "n_images": 1000, "max_iterations": 300}, {"checkpoint": checkpoint.key})
    publication = Recipe("publication", 1, {"experiment": name}, {"table": [iri.key]})
    other = Recipe("iri", 1, {"method": "of another experiment", "n_images": 7, "max_iterations": 1})
    seal(folder / "checkpoints" / f"a-{checkpoint.key}.safetensors", checkpoint)
    seal(folder / "iris" / "a" / f"b-{iri.key}.h5", iri)
    seal(folder / "iris" / "a" / f"b-{other.key}.h5", other)
    seal(folder / "publications" / f"{name}-{publication.key}.stamp", publication)
    cost = folder / "benchmarks" / "checkpoint" / f"a-{checkpoint.key}.tsv"
    cost.parent.mkdir(parents=True, exist_ok=True)
    cost.write_text("s\timport_s\n90.0\t1.0\n")


def scores():
    base = {"vanilla": 0.6, "at": 0.9}
    models = [row for row in MODELS if row["attack_eps"] == 1.0]
    table = score_rows(models, lambda r, t, _, s: min(base[r["objective"]], base[t["objective"]]) + wobble(r, t, s, 0.01))
    return table.assign(inversion_error_p90=0.0987, tolerance=0.1)


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """The page of a folder in which random_init was run at the small scale."""
    folder = tmp_path_factory.mktemp("poster")
    write_results(folder / "results")
    shutil.copytree(ROOT / "docs" / "poster" / "published", folder / "kept" / "published")
    names = script()
    assert names["keep"](folder / "results", folder / "kept" / "small", "small") == ["random_init"]
    names["render"].__globals__["KEPT"] = folder / "kept"
    return names["render"](), folder / "kept"


def test_each_scale_is_kept_from_its_own_tables_in_the_same_folder(tmp_path):
    keep = script()["keep"]
    write_results(tmp_path / "results")
    assert keep(tmp_path / "results", tmp_path / "full", "full") == []
    write_results(tmp_path / "results", "random_init-full")
    for scale in ("small", "full"):
        assert keep(tmp_path / "results", tmp_path / scale, scale) == ["random_init"]
    names = [{file.name for file in (tmp_path / scale).iterdir()} for scale in ("small", "full")]
    assert names[0] == names[1]
    assert "random_init-bars-linear_cka.png" in names[0]


def row_of(text, *starts):
    (line,) = [line for line in text.splitlines() if line.startswith("| " + " | ".join(starts) + " |")]
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_the_page_is_what_the_kept_tables_give():
    assert script()["render"]() == (ROOT / "docs" / "poster.md").read_text(encoding="utf-8")


def test_what_is_kept_stays_small():
    kept = [file for file in (ROOT / "docs" / "poster").rglob("*") if file.is_file()]
    assert sum(file.stat().st_size for file in kept) < 2e6


def test_published_tables_are_there_to_the_last_number():
    published = ROOT / "docs" / "poster" / "published"
    assert len(pd.read_csv(published / "losses_architectures.csv")) == 2 * 8 * 8
    assert pd.read_csv(published / "random_init.csv")["mean"].sum() == pytest.approx(
        0.605 + 0.562 + 0.967 + 0.934 + 0.939 + 0.937
    )


def test_an_experiment_that_was_not_run_is_shown_as_such(page):
    text, _ = page
    assert "Not run: there are no results of `defences`." in text
    assert "Not run: there are no results of `random_init`." not in text
    assert text.count("not run |") > 5


def test_every_part_stands_beside_the_poster_s_with_interval_unit_and_verdict(page):
    text, kept = page
    verdicts = pd.read_csv(kept / "small" / "random_init-verdicts.csv").set_index("part")
    ours = verdicts.loc["at_over_vanilla"]
    cells = row_of(text, "`at_over_vanilla`", "penultimate", "cifar10")
    assert cells[3] == "0.353 [0.327, 0.379]"
    assert cells[4] == f"{ours['value']:.3f}"
    assert cells[7:] == ["3 inversion seeds", "holds", "**undecided**", "at-1: low for its recipe"]
    assert row_of(text, "`cka_high_vanilla`", "penultimate", "cifar10")[9] == "**holds**"


def test_every_published_number_stands_beside_ours(page):
    text, _ = page
    table = scores()
    forward = table[(table["reference_model"] == "at-0") & (table["target_model"] == "at-1")]["stir"]
    assert row_of(text, "at", "STIR(m2 given m1)")[2:] == ["0.939 ± 0.002", f"{forward.mean():.3f} ± {forward.std():.3f}"]
    assert row_of(text, "vanilla", "linear CKA")[2:] == ["0.967 ± 0.000", "0.950 ± 0.000"]
    assert "| at-resnet18 | 1.00 / – | 0.94 / – |" in text


def test_the_page_says_what_was_shortened(page):
    text, _ = page
    assert row_of(text, "epochs", "150")[2] == "**12**"
    assert row_of(text, "schedule", "step")[2] == "**one_cycle**"
    assert row_of(text, "attack", "l2, eps 1, 7 steps")[2] == "**l2, eps 1, 1 step**"
    assert row_of(text, "n_images", "1000")[2] == "1000"
    assert row_of(text, "width", "64")[2] == "**16**"
    assert "another experiment" not in text


def test_the_page_gives_accuracies_flags_inversion_errors_times_and_versions(page):
    text, _ = page
    assert row_of(text, "at-1")[1:] == ["80.0%", "50.0%", "25.0%", "1000", "low for its recipe"]
    assert row_of(text, "at", "1000 of cifar10")[2:] == ["0.090 (0.090 to 0.090)", "0.099", "0.1", "99%", "3"]
    assert "checkpoint 1 jobs, 1.5 min" in text
    assert "x86_64 CPU" in text
    assert "torch 2.14, code abc" in text


def test_figures_that_were_kept_are_shown(page):
    text, kept = page
    links = [part.split(")")[0] for part in text.split("](poster/small/")[1:]]
    assert links == ["random_init-bars-linear_cka.png"]
    assert (kept / "small" / links[0]).read_bytes().startswith(b"\x89PNG")


def test_the_page_says_what_all_took_with_each_job_once(page, tmp_path):
    text, _ = page
    (line,) = [line for line in text.splitlines() if line.startswith("Scale small, ")]
    assert "random_init together: 3 jobs, whose own times sum to 2 min (" in line
    assert "(checkpoint 1: 1.5 min, iri 1: 0.0 min, publication 1: 0.0 min)" in line
    write_results(tmp_path)
    for name in ("random_init", "defences"):
        write_results(tmp_path, name)
    assert script()["keep"](tmp_path, tmp_path / "kept", "small") == ["random_init", "defences"]
    together = json.loads((tmp_path / "kept" / "together.json").read_text())
    assert together["jobs"] == {"checkpoint": 1, "iri": 1, "publication": 2}
    assert together["seconds"]["checkpoint"] == 90.0
