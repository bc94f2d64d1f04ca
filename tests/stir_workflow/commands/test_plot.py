"""``stir plot`` writes figures of published tables and of IRIs, or one message."""

import re

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

import stir
from stir.tables import csv_text
from stir_workflow.cli import main
from stir_workflow.store.artifacts import sealing
from stir_workflow.store.hdf5 import Labelled, write_arrays
from stir_workflow.store.identity import Recipe
from stir_workflow.store.stamps import stamp
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


def artifact(path, arrays, recipe):
    path = path.with_name(f"{path.name}-{recipe.key}.h5")
    path.parent.mkdir(parents=True, exist_ok=True)
    labelled = {name: Labelled(values, tuple("abcd"[: np.ndim(values)]), "1") for name, values in arrays.items()}
    with sealing(path, recipe) as temporary:
        write_arrays(temporary, labelled, recipe, device="cpu")
    return recipe.key


def sealed_stamp(path, recipe):
    path = path.with_name(f"{path.name}-{recipe.key}.stamp")
    path.parent.mkdir(parents=True, exist_ok=True)
    stamp(path, recipe, [])
    return recipe.key


@pytest.fixture
def published(folder):
    """A published table whose experiment has pictures of two models, at grey levels of their own."""
    tables = folder / "results" / "tables"
    tables.mkdir(parents=True)
    for name in ("mine.csv", "mine-models.csv"):
        (folder / name).rename(tables / name)
    pixels = {"test_images": np.full((3, 1, 4, 4), 50, np.uint8), "test_labels": np.zeros(3, int), "white_level": np.array(100.0)}
    dataset = artifact(folder / "data/datasets/cifar10", pixels, Recipe("dataset", 1, {"name": "cifar10"}))
    iris = []
    for number, name in enumerate(NAMES[:2]):
        method = {"method": "lbfgs", "fake_last_relu": False, "seed_images": "normal_noise", "random_seed": 0, "tolerance": 0.05}
        grey = np.full((3, 1, 4, 4), 0.2 * number, np.float32)
        numbers = {"seed_error": 1.0, "inversion_error": 0.125, "pairwise_inversion_error": 0.1, "iterations": 5, "same_class": 1}
        arrays = {name: np.full(3, value) for name, value in (numbers | {"correlation": 0.9, "null_correlation": 0.5}).items()}
        arrays |= {"iri_images": grey, "seed_images": grey, "converged": np.array([True, False, True])}
        recipe = Recipe("iri", 1, {"of": number, "layer": "penultimate", **method})
        key = artifact(folder / f"results/iris/{name}/penultimate.lbfgs.normal_noise.0", arrays, recipe)
        iris.append({"model": name, "layer": "penultimate", "images_dataset": "cifar10", "key": key})
    settings = {"experiment": "mine", "layers": ["penultimate"], "n_pictures": 3, "iris": iris}
    drawn = Recipe("figure", 1, settings, {"datasets": [dataset], "iris": [iri["key"] for iri in iris]})
    key = sealed_stamp(folder / "results/figures/mine", drawn)
    sealed_stamp(folder / "results/publications/mine", Recipe("publication", 1, {"experiment": "mine"}, {"figure": key}))
    return folder


def test_pictures_of_a_published_experiment_are_drawn(published):
    (published / "names.yaml").write_text(f"{NAMES[0]}: plain\n")
    chosen = ["results/tables/mine.csv", "--kind", "images", "--names", "names.yaml", "-n", "2"]
    run(*chosen, "-o", "all.svg")
    text = (published / "all.svg").read_text()
    assert re.findall(r">(reference images|seed images|IRIs of [^<]*)<", text) == [
        "reference images",
        "seed images",
        "IRIs of plain*",
        f"IRIs of {NAMES[1]}*",
    ]
    assert (text.count(">0.125<"), text.count(">0.125*<")) == (2, 2)
    assert "layer penultimate, images of cifar10" in text
    run(*chosen, "--models", NAMES[1], "-o", "one.svg")
    assert re.findall(r">IRIs of ([^<]*)<", (published / "one.svg").read_text()) == [f"{NAMES[1]}*"]
    files = list((published / "results/iris").rglob("*.h5"))
    run(*files, "--kind", "images", "-o", "files.svg")
    assert f"IRIs of {NAMES[1]}, penultimate, seed 0" in (published / "files.svg").read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--models", "resnet"], "Unknown model 'resnet'"),
        (["--names", "names.yaml"], "Unknown model with a display name"),
        (["--layer", "stage9"], "Unknown layer 'stage9'"),
        (["--images-dataset", "mnist"], "Unknown dataset of images 'mnist'"),
    ],
)
def test_wrong_pictures_are_one_message(published, arguments, message):
    (published / "names.yaml").write_text("resnet: plain\n")
    said = run("results/tables/mine.csv", "--kind", "images", *arguments, code=1)
    assert message in said
    assert len(said.splitlines()) == 1


def test_pictures_that_were_pruned_are_named(published):
    for path in (published / "results/iris").rglob("*.h5"):
        path.unlink()
    assert "it is not there: pass files of results/iris" in run("results/tables/mine.csv", "--kind", "images", code=1)
