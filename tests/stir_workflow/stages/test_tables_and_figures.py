"""The stages table and figure write what their settings ask for, and nothing else."""

import json
from dataclasses import replace

import h5py
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from stir.errors import InvalidInputError
from stir.models import Architecture, build_model, save_model
from stir.names import TABLE_ENDINGS
from stir.tables import SCORE_COLUMNS, read_table
from stir_workflow.stages import figure, table
from stir_workflow.stages.job import Job
from stir_workflow.store.artifacts import sealing
from stir_workflow.store.facts import STAGES
from stir_workflow.store.hdf5 import Labelled, write_arrays
from stir_workflow.store.identity import Recipe
from stir_workflow.store.scores import Scores, read_scores, write_scores
from stir_workflow.store.stamps import stamped
from tests.tables_of_scores import model, score_rows, wobble

MODELS = [
    {**row, "name": row["model"], "group": row["objective"], "checkpoint": f"key{number}", "layers": ["penultimate"]}
    for number, row in enumerate(model(objective, seed) for objective in ("vanilla", "at") for seed in (0, 1))
]
TABLES = ["tiny-differences.csv", "tiny-metrics.json", "tiny-models.csv", "tiny-per_image.h5", "tiny-summary.csv"]
KEYS = {row["name"]: row["checkpoint"] for row in MODELS}


def sealed(path, recipe, text):
    with sealing(path, recipe) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return path


def stir(reference, target, layer, seed):
    return (0.9 if reference["objective"] == target["objective"] == "at" else 0.5) + wobble(reference, target, seed, 0.01)


def weights(folder, number):
    """Untrained weights that subtract one mean of each model."""
    architecture = Architecture("resnet8", 2, 1, 10)
    network = build_model(architecture)
    network.get_submodule("normalise").mean.fill_(0.25 + number / 10)
    recipe = Recipe("checkpoint", 1, {"of": number})
    with sealing(folder / f"small-{recipe.key}.safetensors", recipe) as path:
        save_model(path, network, architecture, {})
    return folder / f"small-{recipe.key}.safetensors"


def sealed_scores(folder, recipe, rows, n_images):
    """Scores of one reference; of image i, all that is known is i: it moves scores by i thousandths."""
    moved = np.arange(n_images) / 1000
    pairs = rows[["target_checkpoint", "random_seed"]].assign(layer=rows["reference_layer"])
    per_image = pairs["random_seed"].to_numpy()[:, None] + moved
    scores = Scores(rows, rows["stir"].to_numpy()[:, None] + moved, pairs, per_image)
    with sealing(folder / f"score-{recipe.key}.h5", recipe) as temporary:
        write_scores(temporary, scores, recipe, device_kind="cpu")
    return folder / f"score-{recipe.key}.h5"


def sealed_dataset(folder, label):
    """Test labels alone."""
    recipe = Recipe("dataset", 1, {"name": label})
    arrays = {"test_labels": Labelled(np.arange(100) % 7, ("image",), "class number")}
    with sealing(folder / f"{label}-{recipe.key}.h5", recipe) as temporary:
        write_arrays(temporary, arrays, recipe, device="cpu")
    return folder / f"{label}-{recipe.key}.h5"


def job_of_table(folder, *, labels=("cifar10",), changed=(), accuracies=(), n_images=30, **settings):
    """Scores, evaluations and checkpoints as their stages leave them, and the job of the table."""
    rows = score_rows(MODELS, stir, images_datasets=labels).replace(KEYS).assign(converged_fraction=1.0)
    for row, column, value in changed:
        rows.loc[row, column] = value
    rows = rows.rename(columns={"reference_model": "reference_checkpoint", "target_model": "target_checkpoint"})
    rows = rows.assign(**dict.fromkeys(set(SCORE_COLUMNS) - {"reference_model", "target_model"} - {*rows.columns}, 1.0))
    inputs = {"scores": [], "evaluations": [], "checkpoints": [weights(folder, number) for number in range(len(MODELS))]}
    inputs["datasets"] = [sealed_dataset(folder, label) for label in labels]
    images_datasets = []
    for key in KEYS.values():
        for label in labels:
            recipe = Recipe("score", 1, {"of": key, "images": label})
            of_file = rows[(rows["reference_checkpoint"] == key) & (rows["images_dataset"] == label)]
            inputs["scores"].append(sealed_scores(folder, recipe, of_file.drop(columns="images_dataset"), n_images))
            images_datasets.append(label)
        for eps in (1.0, 2.0):
            recipe = Recipe("evaluation", 1, {"of": key, "eps": eps})
            found = {
                "checkpoint": key,
                "clean_accuracy": 0.8,
                "robust_accuracy": 0.4,
                "attack_eps": eps,
                "flag": "",
                "n_images": 400,
            }
            found |= dict(accuracies).get(key, {})
            inputs["evaluations"].append(sealed(folder / f"evaluation-{recipe.key}.json", recipe, json.dumps([found])))
    asked = {"similarity_measures": ["linear_cka"], "random_seeds": [0, 1, 2], "images_datasets": images_datasets}
    recipe = Recipe("table", STAGES["table"].version, {"experiment": "tiny", "models": MODELS} | asked | settings)
    return Job(recipe, folder / "results" / f"tiny-{recipe.key}.stamp", inputs)


def job_of_figure(folder, of_table, **settings):
    recipe = Recipe(
        "figure", STAGES["figure"].version, {"experiment": "tiny", "layers": [], "n_pictures": 2, "iris": [], **settings}
    )
    inputs = {"table": [of_table.output], "dataset": [], "iris": []}
    return Job(recipe, folder / "figures" / f"tiny-{recipe.key}.stamp", inputs)


def names(job):
    return sorted(stamped(job.output))


def test_verdicts_are_written_where_statements_are_given(tmp_path):
    job = job_of_table(tmp_path, statements=["random_init"])
    table.make(job)
    assert names(job) == [*TABLES, "tiny-verdicts.csv", "tiny.csv"]
    assert {name.removeprefix("tiny").rpartition(".")[0] for name in names(job)} == {"", *TABLE_ENDINGS} - {"-sensitivity"}
    verdicts = pd.read_csv(stamped(job.output)["tiny-verdicts.csv"])
    assert verdicts.set_index("part").loc["at_over_vanilla", "verdict"] == "holds"


@pytest.mark.parametrize("settings", [{}, {"statements": []}])
def test_no_verdicts_where_none_are(tmp_path, settings):
    job = job_of_table(tmp_path, **settings)
    table.make(job)
    assert names(job) == [*TABLES, "tiny.csv"]
    assert len(pd.read_csv(stamped(job.output)["tiny-models.csv"])) == 8


def test_a_match_under_its_null_and_a_model_at_chance_are_marked_in_every_table_and_said(tmp_path, capsys):
    first, last = MODELS[0]["model"], MODELS[3]["model"]
    null = [(slice(0, 0), "correlation_median", 0.980), (slice(0, 0), "null_correlation_p99", 0.996)]
    at_chance = {"clean_accuracy": 0.1, "robust_accuracy": 0.0, "attack_norm": "linf"}
    job = job_of_table(tmp_path, statements=["random_init"], changed=null, accuracies={"key3": at_chance})
    table.make(job)
    scores, summary, models, verdicts = (
        read_table(stamped(job.output)[f"tiny{part}.csv"]) for part in ("", "-summary", "-models", "-verdicts")
    )
    assert scores.loc[0, "flags"] == "no_better_than_null"
    of_last = scores[(scores["reference_model"] == last) | (scores["target_model"] == last)]
    assert of_last["flags"].str.contains("_at_chance").all()
    assert scores["flags"].notna().sum() == 1 + len(of_last)
    assert "at chance: clean accuracy is 10%, and guessing among 10 classes gives 10%" in models["flag"].iloc[-1]
    assert f"reference_at_chance ({last})" in summary["flags"].iloc[-1]
    found = verdicts.set_index("part").loc["at_over_vanilla"]
    assert f"reference_at_chance ({last})" in found["flags"]
    assert found["verdict"] == "undecided"
    said = capsys.readouterr().err.splitlines()
    assert said[0] == f"tiny: no_better_than_null (matched no better than by another image): {first}"
    assert said[-1].endswith("docs/warnings.md says what each flag means, and what to do.")


def test_nothing_is_said_where_nothing_is_flagged(tmp_path, capsys):
    job = job_of_table(tmp_path)
    table.make(job)
    assert read_table(stamped(job.output)["tiny.csv"])["flags"].isna().all()
    assert capsys.readouterr().err == ""


def test_the_table_of_models_states_the_normalisation_that_each_checkpoint_carries(tmp_path):
    job = job_of_table(tmp_path)
    table.make(job)
    models = read_table(stamped(job.output)["tiny-models.csv"]).drop_duplicates("model")
    assert list(models["normalisation_mean"]) == ["0.25", "0.35", "0.45", "0.55"]
    assert set(models["normalisation_std"]) == {"1"}


def test_scores_of_other_seeds_than_the_experiments_stop_it(tmp_path):
    with pytest.raises(InvalidInputError, match=r"one per pair of models.*missing: .*random_seed 3"):
        table.make(job_of_table(tmp_path, random_seeds=[0, 1, 2, 3]))


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


def test_files_are_the_same_bit_for_bit_whatever_the_number_of_processes(tmp_path):
    of_table = job_of_table(tmp_path)
    table.make(of_table)
    job = job_of_figure(tmp_path, of_table, figures=["heatmaps", "intervals", "bars"])
    found = []
    for processes in (1, 3):
        figure.make(replace(job, processes=processes))
        found.append({name: path.read_bytes() for name, path in stamped(job.output).items()})
    assert found[0] == found[1]
    drawn = ["tiny-bars-linear_cka.png", "tiny-penultimate-linear_cka-intervals.png", "tiny-penultimate-linear_cka.png"]
    assert names(job)[::2] == drawn


def test_an_error_of_another_process_is_that_of_the_stage(tmp_path):
    with pytest.raises(InvalidInputError, match="none to draw"):
        figure.draw_all([refuse, refuse], [tmp_path / "a", tmp_path / "b"], 2)


def refuse():
    raise InvalidInputError("Expected models; got none to draw.")


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
    inputs = {"datasets": [], "iris": []}
    iris = []
    for number, label in enumerate(("cifar10", "cifar100")):
        recipe = Recipe("dataset", 1, {"name": label})
        pixels = np.full((3, 1, 4, 4), 50 + number, dtype=np.uint8)
        arrays = {
            "test_images": pixels,
            "test_labels": np.zeros(3, dtype=np.int64),
            "white_level": np.array(100, dtype=np.float32),
        }
        inputs["datasets"].append(written(tmp_path / f"{label}-{recipe.key}.h5", arrays, recipe))
        method = {"method": "lbfgs", "fake_last_relu": False, "seed_images": "normal_noise", "random_seed": 0, "tolerance": 0.05}
        recipe = Recipe("iri", 1, {"images": label, "layer": "early", **method})
        found = np.full((3, 1, 4, 4), 0.1 * number, dtype=np.float32)
        of_images = {"seed_error": 1.0, "inversion_error": 0.1, "pairwise_inversion_error": 0.1, "iterations": 5}
        of_images |= {"correlation": 0.9, "null_correlation": 0.5 + number / 2, "same_class": 1}
        arrays = {"iri_images": found, "seed_images": found, "converged": np.array([True, number == 0, number == 0])}
        arrays |= {name: np.full(3, value) for name, value in of_images.items()}
        inputs["iris"].append(written(tmp_path / f"iri-{recipe.key}.h5", arrays, recipe))
        iris.append({"model": "at-0", "layer": "early", "images_dataset": label, "key": recipe.key})
    drawn = []
    monkeypatch.setattr("stir.plotting.pictures.draw_pictures", lambda rows, title: drawn.append((rows, title)) or Figure())
    job = job_of_figure(tmp_path, of_table, figures=["images"], layers=["early"], iris=iris)
    figure.make(Job(job.recipe, job.output, job.inputs | inputs))
    assert names(job)[::2] == ["tiny-cifar10-early-images.png", "tiny-cifar100-early-images.png"]
    assert [title for _, title in drawn] == [f"layer early, images of {label}" for label in ("cifar10", "cifar100")]
    for number, (rows, _) in enumerate(drawn):
        assert [row.label for row in rows] == ["reference images", "seed images", "IRIs of at-0"]
        np.testing.assert_allclose(rows[0].images, (50 + number) / 100)
        np.testing.assert_allclose(rows[2].images, 0.1 * number, atol=1e-7)
        assert list(rows[2].converged) == [True, number == 0]
    assert [rows[2].flags for rows, _ in drawn] == [[], ["no_better_than_null", "few_converged"]]
    assert drawn[0][0][2].model == "at-0"


def written(path, arrays, recipe):
    labelled = {name: Labelled(values, tuple("abcd"[: np.ndim(values)]), "1") for name, values in arrays.items()}
    with sealing(path, recipe) as temporary:
        write_arrays(temporary, labelled, recipe, device="cpu")
    return path


def test_scores_per_image_are_beside_the_tables_with_pairs_and_images_named(tmp_path):
    job = job_of_table(tmp_path, labels=("cifar10", "cifar100"))
    table.make(job)
    with h5py.File(stamped(job.output)["tiny-per_image.h5"]) as file:
        pairs = pd.DataFrame({name: file[name].asstr()[()] for name in ("reference_model", "target_model", "images_dataset")})
        per_image, seeds = file["shared_invariance"][()], file["random_seed"][()]
        assert file["images/cifar100/index"][()].tolist() == list(range(30))
        assert file["images/cifar10/label"][:8].tolist() == [0, 1, 2, 3, 4, 5, 6, 0]
        assert set(file["reference_layer"].asstr()[()]) == {"penultimate"}
    assert set(pairs["reference_model"]) == set(pairs["target_model"]) == {*KEYS}
    assert len(pairs.assign(seed=seeds).drop_duplicates()) == len(pairs) == 2 * 4 * 4 * 3
    assert per_image[:, 2] == pytest.approx(seeds + 0.002)


def test_summaries_and_verdicts_are_also_over_images(tmp_path):
    job = job_of_table(tmp_path, statements=["random_init"])
    table.make(job)
    summary, verdicts = (pd.read_csv(stamped(job.output)[f"tiny-{part}.csv"]) for part in ("summary", "verdicts"))
    assert summary["stir_se_images"].tolist() == pytest.approx([(29 * np.var(np.arange(30) / 1000)) ** 0.5] * 4)
    assert set(summary["interval_over"]) == {"inversion seeds and images", "trainings and images"}
    assert verdicts.set_index("part")["unit"].to_dict() == {
        "at_over_vanilla": "inversion seeds and images",
        "cka_high_vanilla": "inversion seeds",
        "cka_high_at": "inversion seeds",
        "stir_gap_over_cka_gap": "inversion seeds and images",
    }


def test_references_that_are_no_models_have_rows_and_cells_and_statements_leave_them_out(tmp_path):
    reference = {"name": "metamers", "checkpoint": "digest", "layers": ["penultimate"], "random_seeds": [0]}
    job = job_of_table(tmp_path, statements=["random_init"], references=[reference], images_datasets=["cifar10"] * 5)
    rows = read_scores(job.inputs["scores"][0]).rows
    changed = {"inversion_method": "given", "similarity": np.nan, "stir_null_p_value": 0.001}
    given = rows[rows["random_seed"] == 0].assign(reference_checkpoint="digest", **changed)
    job.inputs["scores"].append(sealed_scores(tmp_path, Recipe("score", 1, {"of": "metamers"}), given, 30))
    table.make(job)
    scores, summary, verdicts = (read_table(stamped(job.output)[f"tiny{part}.csv"]) for part in ("", "-summary", "-verdicts"))
    of_metamers = scores[scores["reference_model"] == "metamers"]
    assert len(of_metamers) == 4
    assert of_metamers["flags"].isna().all()
    assert list(summary[summary["reference_group"] == "metamers"]["target_group"]) == ["vanilla", "at"]
    assert verdicts.set_index("part").loc["at_over_vanilla", "verdict"] == "holds"


def test_formats_of_figures_are_those_that_are_asked_for(tmp_path):
    of_table = job_of_table(tmp_path)
    table.make(of_table)
    job = job_of_figure(tmp_path, of_table, figures=["bars"], formats=["pdf"])
    figure.make(job)
    assert names(job) == ["tiny-bars-linear_cka.pdf"]
