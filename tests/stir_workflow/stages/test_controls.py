"""Rows of scores hold what each score is to be compared with."""

import math

import numpy as np
import pytest
import torch

from stir.controls import N_NOISE, beside_controls, matched_noise
from stir.controls.comparing import Perturbed, controls_of
from stir.models import read_model
from stir.representations import represent, represent_sets
from stir.similarity import linear_cka, pnka
from stir.table_controls import COMPUTED_COLUMNS, CONTROL_COLUMNS
from stir_workflow.stages.images import read_images
from stir_workflow.store.artifacts import sealed_recipe, sealing
from stir_workflow.store.hdf5 import Labelled, read_arrays, write_arrays
from stir_workflow.store.identity import Recipe
from stir_workflow.store.scores import read_scores
from tests.stir_workflow.stages.test_target_layers import LAYERS, Made

pytestmark = pytest.mark.filterwarnings("ignore:.*did not reach inversion error:stir.errors.ConvergenceWarning")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return Made(tmp_path_factory.mktemp("made"))


@pytest.fixture(scope="module")
def files(made):
    return made.representation(made.reference), made.representation(made.target)


@pytest.fixture(scope="module")
def scores(made, files):
    return read_scores(made.score(*files))


def key_of(path):
    return sealed_recipe(path).inputs["checkpoint"]


def test_seed_images_noise_and_predictions_of_every_inversion_are_kept(made, files):
    model, (images, _) = read_model(made.target), read_images(made.dataset, "test", first=12)
    for layer, iris in zip(LAYERS, made.iris, strict=True):
        iri_images, seed_images = map(torch.from_numpy, read_arrays(iris, "iri_images", "seed_images"))
        generator = torch.Generator().manual_seed(3)
        noisy = [matched_noise(images, iri_images, generator=generator) for _ in range(N_NOISE)]
        names = [f"{layer}/seed_images/3", *(f"{layer}/noise/3/{draw}" for draw in range(N_NOISE))]
        for found, pictures in zip(read_arrays(files[1], *names), (seed_images, *noisy), strict=True):
            torch.testing.assert_close(torch.from_numpy(found), represent(model, pictures, layer=layer))
        predicted = read_arrays(files[1], "predictions/reference_images", f"predictions/{layer}/iri_images/3")
        expected = [model(pictures).argmax(dim=1).tolist() for pictures in (images, iri_images)]
        assert [classes.tolist() for classes in predicted] == expected


def test_every_row_has_its_controls(scores, files):
    rows = scores.rows
    after = list(rows).index("similarity") + 1
    expected = [*CONTROL_COLUMNS, *COMPUTED_COLUMNS]
    assert list(rows)[after : after + len(expected)] == expected
    for row in rows.iloc[2:].itertuples():
        layer = row.reference_layer
        names = ["reference_images", "iri_images/3", "seed_images/3", *(f"noise/3/{draw}" for draw in range(N_NOISE))]
        x, x_prime, seed_images, *noisy = map(torch.from_numpy, read_arrays(files[1], *(f"{layer}/{name}" for name in names)))
        noise = [linear_cka(x, of) for of in noisy]
        assert row.stir_ceiling == rows.set_index("reference_layer").iloc[:2].loc[layer, "stir"]
        assert row.stir_seed_floor == pytest.approx(linear_cka(x, seed_images))
        assert (row.stir_noise, row.stir_noise_sd) == pytest.approx((np.mean(noise), np.std(noise, ddof=1)))
        assert row.stir_excess == pytest.approx((row.stir - row.stir_noise) / (row.stir_ceiling - row.stir_noise), nan_ok=True)
        assert 0 < row.stir_null_p_value <= 1
        first, second = read_arrays(files[1], "predictions/reference_images", f"predictions/{layer}/iri_images/3")
        assert row.target_same_class_fraction == (first == second).mean()
        assert (row.dtype, row.target_features) == ("float32", x.shape[1])
        pair = scores.pairs.query("target_checkpoint == @row.target_checkpoint and layer == @layer").index[0]
        assert scores.per_image[pair].tolist() == pnka(x, x_prime).tolist()


def test_too_few_images_for_an_interval_leave_it_empty_and_the_null_stays(scores):
    """There are 12 images here."""
    assert scores.rows[["stir_low", "stir_high"]].isna().all(axis=None)
    assert np.isnan(scores.without_each).all()
    assert scores.rows[["stir_null_p95", "stir_null_p_value"]].notna().all(axis=None)


def test_an_untrained_network_is_the_floor_of_its_target_and_has_no_rows(made, files, scores):
    reference, target = files
    floor, alone = key_of(target), read_scores(made.score(reference, target, untrained={key_of(reference): key_of(target)}))
    assert floor not in set(alone.rows["target_checkpoint"])
    assert list(alone.rows["stir_untrained"]) == list(scores.rows.iloc[2:]["stir"])
    assert len(alone.pairs) == len(alone.per_image) == 2


def test_a_target_that_is_untrained_itself_keeps_its_rows(made, files):
    mapping = dict.fromkeys(map(key_of, files), key_of(files[1]))
    rows = read_scores(made.score(*files, untrained=mapping)).rows
    assert len(rows) == 4
    assert list(rows["stir_untrained"]) == list(rows.iloc[2:]["stir"]) * 2


def test_a_constant_untrained_network_leaves_its_column_empty(made, files):
    """A network that represents all images alike is no floor, and no failure."""
    target = files[1]
    recipe = sealed_recipe(target)
    recipe = Recipe("pair", recipe.version, recipe.settings, {**recipe.inputs, "checkpoint": "0123456789"})
    names = [f"{layer}/{name}" for layer in LAYERS for name in ("reference_images", "iri_images/3", "seed_images/3")]
    names += [f"{layer}/noise/3/{draw}" for layer in LAYERS for draw in range(N_NOISE)]
    arrays = {
        name: Labelled(np.ones_like(array), ("image", "feature"), "")
        for name, array in zip(names, read_arrays(target, *names), strict=True)
    }
    constant = made.folder / f"constant-{recipe.key}.h5"
    with sealing(constant, recipe, device="cpu") as path:
        write_arrays(path, arrays, recipe, device="cpu")
    rows = read_scores(made.score(files[0], constant, untrained={key_of(files[0]): "0123456789"})).rows
    assert rows["stir_untrained"].isna().all()
    assert rows["stir"].notna().all()


@pytest.mark.parametrize("measure", ["linear_cka", "linear_cka_debiased", "rbf_cka", "procrustes", "rsa_spearman", "mutual_knn"])
def test_constant_floors_are_missing_and_do_not_fail(generator, measure):
    x = torch.randn(24, 5, generator=generator)
    constant = torch.ones(24, 5)
    perturbed = Perturbed(x + torch.randn(x.shape, generator=generator), [constant, constant], constant)
    (found,) = controls_of(x, [perturbed], orders=None, similarity_measure=measure)
    assert all(map(math.isnan, (found.seed_floor, found.noise, found.noise_sd)))
    beside = beside_controls(0.5, found, n_images=24, similarity_measure=measure, ceiling=1.0)
    assert all(math.isnan(value) for value in (beside.excess, beside.null_p95, beside.calibrated))
    assert list(beside.columns()) == CONTROL_COLUMNS[:-1]


def test_sets_of_images_are_represented_in_the_batches_that_each_alone_would_have(made):
    model, (images, _) = read_model(made.target), read_images(made.dataset, "test", first=12)
    sets = {"a": images[:7], "b": images[7:]}
    found, classes = represent_sets(model, sets.items(), layer="penultimate", batch_size=3, classes_of=("b",))
    for name, pictures in sets.items():
        assert torch.equal(found[name], represent(model, pictures, layer="penultimate", batch_size=3))
    assert list(classes) == ["b"]
    assert classes["b"].tolist() == model(images[7:]).argmax(dim=1).tolist()
