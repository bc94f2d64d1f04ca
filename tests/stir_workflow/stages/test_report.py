"""The stage report gathers what the other stages made, and writes one page."""

import json

import numpy as np
import pytest

from stir_workflow.stages import report, table
from stir_workflow.stages.job import Job
from stir_workflow.store.artifacts import sealing
from stir_workflow.store.facts import STAGES
from stir_workflow.store.identity import Recipe, key_in
from stir_workflow.store.stamps import stamped
from tests.stir_workflow.stages.test_tables_and_figures import MODELS, job_of_table, sealed, written

N, LAYER = 30, "penultimate"
INVERSION = {"method": "lbfgs", "fake_last_relu": False, "seed_images": "normal_noise", "tolerance": 0.1}


def dataset(folder):
    recipe = Recipe("dataset", 1, {"name": "cifar10"})
    arrays = {
        "test_images": np.arange(N * 16, dtype=np.uint8).reshape(N, 1, 4, 4) % 100,
        "test_labels": np.arange(N) % 7,
        "white_level": np.array(100, dtype=np.float32),
    }
    return written(folder / f"cifar10-pictures-{recipe.key}.h5", arrays, recipe)


def iris(folder, model, images):
    recipe = Recipe(
        "iri", 1, {**INVERSION, "layer": LAYER, "random_seed": 0}, {"checkpoint": model["checkpoint"], "dataset": key_in(images)}
    )
    pictures = np.random.default_rng(len(model["name"])).random((N, 1, 4, 4)).astype(np.float32)
    arrays = {"iri_images": pictures, "seed_images": pictures / 2, "converged": np.arange(N) > 0, "iterations": np.arange(N)}
    values = {"seed_error": 1.0, "inversion_error": 0.05, "pairwise_inversion_error": 0.1, "correlation": 0.9}
    arrays |= {name: np.full(N, value) for name, value in (values | {"null_correlation": 0.5, "same_class": 1}).items()}
    return written(folder / f"iri-{recipe.key}.h5", arrays, recipe)


def representation(folder, of_iris):
    """The index of one reference model's pairs; of a pair there are predicted classes alone: the target's number."""
    parts = {}
    for number, model in enumerate(MODELS):
        recipe = Recipe("pair", 1, {}, {"checkpoint": model["checkpoint"], "iris": [key_in(of_iris)]})
        arrays = {"predictions/reference_images": np.full(N, number), f"predictions/{LAYER}/iri_images/0": np.full(N, 9)}
        parts[model["checkpoint"]] = written(folder / f"pair-{recipe.key}.h5", arrays, recipe)
    recipe = Recipe("representation", 1, {}, {"iris": [key_in(of_iris)]})
    index = json.dumps({key: str(path) for key, path in parts.items()})
    return sealed(folder / f"index-{recipe.key}.json", recipe, index)


@pytest.fixture
def job(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    of_table = job_of_table(tmp_path)
    table.make(of_table)
    images = dataset(tmp_path)
    inputs = {"table": [of_table.output], "datasets": [images], "checkpoints": of_table.inputs["checkpoints"]}
    inputs["iris"] = [iris(tmp_path, model, images) for model in MODELS]
    inputs["representations"] = [representation(tmp_path, path) for path in inputs["iris"]]
    settings = {"experiment": "tiny", "description": "What is asked?", "layers": ["last"], "n_pictures": 2}
    recipe = Recipe("report", STAGES["report"].version, settings)
    return Job(recipe, tmp_path / "report" / f"tiny-{recipe.key}.stamp", inputs, source="snakemake --config experiment=tiny")


@pytest.fixture
def content(job, monkeypatch):
    """What is rendered."""
    rendered = []
    monkeypatch.setattr("stir_workflow.report.page.render", lambda content: rendered.append(content) or "<html></html>")
    report.make(job)
    assert {path.read_text() for path in stamped(job.output).values()} == {"<html></html>"}
    assert stamped(job.output).keys() == {"tiny.html"}
    return rendered[0]


def test_a_page_is_rendered_of_all_that_was_made(job):
    report.make(job)
    page = stamped(job.output)["tiny.html"].read_text(encoding="utf-8")
    assert "What is asked?" in page
    assert "snakemake --config experiment=tiny" in page


def test_galleries_have_the_first_pictures_of_every_model(content):
    assert [(each.model, each.layer, each.n_images) for each in content.galleries] == [(m["name"], "last", N) for m in MODELS]
    first = content.galleries[0]
    assert [(item.index, item.class_name, item.converged) for item in first.items] == [
        (0, "class 0", False),
        (1, "class 1", True),
    ]
    assert all(item.reference in content.images and item.seed in content.images for item in first.items)
    assert first.converged_fraction == pytest.approx(29 / 30, abs=1e-4)
    assert any(sentence.startswith("Galleries show 2 of 30 images per model and layer") for sentence in content.left_out)


def test_pairs_have_the_images_with_the_highest_and_lowest_scores_and_the_predicted_classes(content):
    """Of image i, its score is i thousandths more than the random seed."""
    pairs = {(each.reference_model, each.target_model): each for each in content.agreements}
    assert len(pairs) == 4 * 3
    reference, target = (model["name"] for model in (MODELS[1], MODELS[2]))
    pair = pairs[reference, target]
    assert [image.index for image in pair.most] == [29, 28, 27, 26]
    assert [image.index for image in pair.least] == [0, 1, 2, 3]
    best = pair.most[0]
    assert (best.reference_class, best.target_class, best.target_class_iri) == ("class 1", "class 2", "class 9")
    assert best.iri in content.images


def test_the_question_the_groups_and_the_provenance_are_those_of_the_experiment(content):
    assert (content.question, content.layers, content.groups) == ("What is asked?", ["last"], ["vanilla", "at"])
    assert content.provenance.keys["table tiny"]
    assert content.provenance.versions["torch"]
    assert content.findings


def test_of_perturbed_images_there_are_pictures_and_no_errors(job, monkeypatch):
    path = job.inputs["iris"][0]
    settings = {"perturbed_images": "key0", "layer": LAYER, "random_seed": 0, "n_images": N}
    recipe = Recipe(
        "iri",
        1,
        settings,
        {"dataset": key_in(job.inputs["datasets"][0])},
    )
    given = written(path.parent / f"given-{recipe.key}.h5", {"iri_images": np.zeros((N, 1, 4, 4), dtype=np.float32)}, recipe)
    rendered = []
    monkeypatch.setattr("stir_workflow.report.page.render", lambda content: rendered.append(content) or "<html></html>")
    report.make(Job(job.recipe, job.output, job.inputs | {"iris": [given]}))
    (gallery,) = rendered[0].galleries
    assert (gallery.method, gallery.error_median, gallery.tolerance, gallery.seed_images) == ("given", None, None, "")
    assert [(item.seed, item.iri in rendered[0].images) for item in gallery.items] == [(None, True)] * 2


def test_a_bad_input_stops_it(job):
    (job.inputs["iris"][0]).write_bytes(b"")
    with pytest.raises(Exception, match="remake it"):
        report.make(job)
    assert not job.output.exists()


def test_an_index_that_is_not_there_leaves_classes_unknown(job, monkeypatch):
    rendered = []
    monkeypatch.setattr("stir_workflow.report.page.render", lambda content: rendered.append(content) or "<html></html>")
    recipe = Recipe("representation", 1, {}, {"iris": []})
    with sealing(job.output.with_name(f"none-{recipe.key}.json"), recipe) as path:
        path.write_text("{}")
    report.make(Job(job.recipe, job.output, job.inputs | {"representations": [job.output.with_name(f"none-{recipe.key}.json")]}))
    assert {image.target_class for each in rendered[0].agreements for image in each.most} == {None}
