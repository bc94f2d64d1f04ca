"""The stages table and figure write what their settings ask for, and nothing else."""

import json

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from stir.artifacts import sealing
from stir.errors import InvalidInputError
from stir.hdf5 import Labelled, write_arrays
from stir.identity import Recipe
from stir.names import TABLE_ENDINGS
from stir.publication import stamped
from stir.stages import figure, table
from stir.stages.job import Job
from stir.tables import SCORE_COLUMNS
from tests.stir.tables_of_scores import model, score_rows, wobble

MODELS = [
    {**row, "name": row["model"], "group": row["objective"], "checkpoint": f"key{number}"}
    for number, row in enumerate(model(objective, seed) for objective in ("vanilla", "at") for seed in (0, 1))
]
KEYS = {row["name"]: row["checkpoint"] for row in MODELS}


def sealed(path, recipe, text):
    with sealing(path, recipe) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return path


def stir(reference, target, layer, seed):
    return (0.9 if reference["objective"] == target["objective"] == "at" else 0.5) + wobble(reference, target, seed, 0.01)


def job_of_table(folder, *, labels=("cifar10",), **settings):
    """Scores and evaluations as their stages leave them, and the job of the table."""
    rows = score_rows(MODELS, stir, images_datasets=labels).replace(KEYS)
    rows = rows.rename(columns={"reference_model": "reference_checkpoint", "target_model": "target_checkpoint"})
    rows = rows.assign(**dict.fromkeys(set(SCORE_COLUMNS) - {"reference_model", "target_model"} - {*rows.columns}, 1.0))
    inputs = {"scores": [], "evaluations": []}
    images_datasets = []
    for key in KEYS.values():
        for label in labels:
            recipe = Recipe("score", 1, {"of": key, "images": label})
            of_file = rows[(rows["reference_checkpoint"] == key) & (rows["images_dataset"] == label)]
            text = of_file.drop(columns="images_dataset").to_csv(index=False)
            inputs["scores"].append(sealed(folder / f"score-{recipe.key}.csv", recipe, text))
            images_datasets.append(label)
        for eps in (1.0, 2.0):
            recipe = Recipe("evaluation", 1, {"of": key, "eps": eps})
            found = {"checkpoint": key, "clean_accuracy": 0.8, "robust_accuracy": 0.4, "attack_eps": eps, "flag": ""}
            inputs["evaluations"].append(sealed(folder / f"evaluation-{recipe.key}.json", recipe, json.dumps(found)))
    recipe = Recipe(
        "table", table.VERSION, {"experiment": "tiny", "models": MODELS, "images_datasets": images_datasets} | settings
    )
    return Job(recipe, folder / "results" / f"tiny-{recipe.key}.stamp", inputs)


def job_of_figure(folder, of_table, **settings):
    recipe = Recipe("figure", figure.VERSION, {"experiment": "tiny", "layers": [], "n_pictures": 2, "iris": [], **settings})
    inputs = {"table": [of_table.output], "dataset": [], "iris": []}
    return Job(recipe, folder / "figures" / f"tiny-{recipe.key}.stamp", inputs)


def names(job):
    return sorted(stamped(job.output))


def test_verdicts_are_written_where_statements_are_given(tmp_path):
    job = job_of_table(tmp_path, statements=["random_init"])
    table.make(job)
    assert names(job) == ["tiny-metrics.json", "tiny-models.csv", "tiny-summary.csv", "tiny-verdicts.csv", "tiny.csv"]
    assert {name.removeprefix("tiny").rpartition(".")[0] for name in names(job)} == {"", *TABLE_ENDINGS}
    verdicts = pd.read_csv(stamped(job.output)["tiny-verdicts.csv"])
    assert verdicts.set_index("part").loc["at_over_vanilla", "verdict"] == "holds"


@pytest.mark.parametrize("settings", [{}, {"statements": []}])
def test_no_verdicts_where_none_are(tmp_path, settings):
    job = job_of_table(tmp_path, **settings)
    table.make(job)
    assert names(job) == ["tiny-metrics.json", "tiny-models.csv", "tiny-summary.csv", "tiny.csv"]
    assert len(pd.read_csv(stamped(job.output)["tiny-models.csv"])) == 8


def test_an_unknown_statement_stops_it(tmp_path):
    with pytest.raises(InvalidInputError, match="Did you mean 'defences'"):
        table.make(job_of_table(tmp_path, statements=["defenses"]))


def test_scores_are_told_apart_by_their_images(tmp_path):
    job = job_of_table(tmp_path, labels=("cifar10", "cifar100"))
    table.make(job)
    scores = pd.read_csv(stamped(job.output)["tiny.csv"])
    assert scores["images_dataset"].value_counts().to_dict() == {"cifar10": 48, "cifar100": 48}


def test_figures_are_those_that_were_asked_for(tmp_path):
    of_table = job_of_table(tmp_path)
    table.make(of_table)
    job = job_of_figure(tmp_path, of_table, figures=["bars"])
    figure.make(job)
    assert names(job) == ["tiny-bars-linear_cka.png", "tiny-bars-linear_cka.svg"]


def test_heatmaps_of_several_image_sets_have_their_names(tmp_path):
    of_table = job_of_table(tmp_path, labels=("cifar10", "cifar100"))
    table.make(of_table)
    job = job_of_figure(tmp_path, of_table, figures=["heatmaps"])
    figure.make(job)
    assert names(job)[::2] == ["tiny-cifar10-penultimate-linear_cka.png", "tiny-cifar100-penultimate-linear_cka.png"]


def test_an_unknown_figure_is_refused(tmp_path):
    of_table = job_of_table(tmp_path)
    table.make(of_table)
    with pytest.raises(InvalidInputError, match="Did you mean 'heatmaps'"):
        figure.make(job_of_figure(tmp_path, of_table, figures=["heatmap"]))


def test_pictures_are_of_the_images_that_the_iris_are_of(tmp_path, monkeypatch):
    of_table = job_of_table(tmp_path)
    table.make(of_table)
    inputs = {"dataset": [], "iris": []}
    iris = []
    for number, label in enumerate(("cifar10", "cifar100")):
        recipe = Recipe("dataset", 1, {"name": label})
        pixels = np.full((3, 1, 4, 4), 50 + number, dtype=np.uint8)
        arrays = {
            "test_images": pixels,
            "test_labels": np.zeros(3, dtype=np.int64),
            "white_level": np.array(100, dtype=np.float32),
        }
        inputs["dataset"].append(written(tmp_path / f"{label}-{recipe.key}.h5", arrays, recipe))
        recipe = Recipe("iri", 1, {"images": label})
        found = np.full((3, 1, 4, 4), 0.1 * number, dtype=np.float32)
        arrays = {"iri_images": found, "seed_images": found, "inversion_error": np.full(3, 0.1)}
        inputs["iris"].append(written(tmp_path / f"iri-{recipe.key}.h5", arrays, recipe))
        iris.append({"model": "at-0", "layer": "early", "images_dataset": label, "key": recipe.key})
    drawn = []
    monkeypatch.setattr("stir.plotting.pictures.draw_pictures", lambda rows: drawn.append(rows) or Figure())
    job = job_of_figure(tmp_path, of_table, figures=["images"], layers=["early"], iris=iris)
    figure.make(Job(job.recipe, job.output, job.inputs | inputs))
    assert names(job)[::2] == ["tiny-cifar10-early-images.png", "tiny-cifar100-early-images.png"]
    for number, rows in enumerate(drawn):
        assert [row.label for row in rows] == ["reference images", "seed images", "IRIs of at-0"]
        np.testing.assert_allclose(rows[0].images, (50 + number) / 100)
        np.testing.assert_allclose(rows[2].images, 0.1 * number, atol=1e-7)


def written(path, arrays, recipe):
    labelled = {name: Labelled(values, tuple("abcd"[: np.ndim(values)]), "1") for name, values in arrays.items()}
    with sealing(path, recipe) as temporary:
        write_arrays(temporary, labelled, recipe, device="cpu")
    return path
