"""Inversions of linear maps, where the IRI is known, and of a small network, checked by numpy."""

import re

import numpy as np
import pytest
import torch
from torch import nn

from stir.errors import ConvergenceWarning, InversionError
from stir.inversion import InversionSettings, invert
from stir.inversion.fast_forward import fast_forwards
from stir.seed_images import SEED_IMAGES

METHODS = ("lbfgs", "lbfgs_adam", "normalised_gradient")


def _represented(net, images):
    with torch.no_grad():
        return net.eval()[:-1](images).double().numpy()


@pytest.fixture
def narrow(generator):
    """A map from 64 pixels to 20 numbers: 44 dimensions of pixel space are invisible."""
    return torch.randn(20, 64, generator=generator, dtype=torch.float64)


def test_the_iri_of_an_invertible_map_is_the_reference_image(linear_model, flat_images, generator):
    matrix = torch.randn(100, 64, generator=generator, dtype=torch.float64)
    tolerance = 1e-8
    result = invert(linear_model(matrix), flat_images, layer="0", random_seed=0, tolerance=tolerance, pixel_bounds=None)
    assert result.converged.all()
    farthest = tolerance * (flat_images @ matrix.mT).norm(dim=1) / torch.linalg.svdvals(matrix).min()
    assert ((result.iri_images - flat_images).norm(dim=1) <= farthest).all()
    assert (farthest < 1e-6).all()
    assert ((result.seed_images - flat_images).norm(dim=1) > 1).all()


@pytest.mark.parametrize(("method", "tolerance", "reached"), [("lbfgs", 1e-8, 1e-6), ("normalised_gradient", 0.5, 0.5)])
def test_what_the_model_does_not_see_stays_as_in_the_seed_image(linear_model, flat_images, narrow, method, tolerance, reached):
    settings = {"layer": "0", "random_seed": 0, "tolerance": tolerance, "method": method, "pixel_bounds": None}
    result = invert(linear_model(narrow), flat_images, max_iterations=200, **settings)
    seen = torch.linalg.pinv(narrow) @ narrow
    unseen = torch.eye(64, dtype=torch.float64) - seen
    torch.testing.assert_close(result.iri_images @ unseen, result.seed_images @ unseen, rtol=0, atol=1e-10)
    assert ((result.seed_images - flat_images) @ unseen).norm(dim=1).min() > 1
    left = ((result.iri_images - flat_images) @ seen).norm(dim=1) / ((result.seed_images - flat_images) @ seen).norm(dim=1)
    assert left.max() <= reached


def test_errors_are_what_numpy_says_of_the_returned_images(small_net, images):
    result = invert(small_net, images, random_seed=0, tolerance=0.05)
    of_reference, of_iri, of_seed = (_represented(small_net, x) for x in (images, result.iri_images, result.seed_images))
    distance, norm = np.linalg.norm(of_iri - of_reference, axis=1), np.linalg.norm(of_reference, axis=1)
    np.testing.assert_allclose(result.inversion_error, distance / norm, rtol=1e-3)
    np.testing.assert_allclose(result.seed_error, np.linalg.norm(of_seed - of_reference, axis=1) / norm, rtol=1e-3)
    assert result.converged.all()
    assert (result.inversion_error <= 0.05).all()
    assert (result.seed_error > 0.3).all()


def test_pairwise_error_is_the_distance_over_the_median_distance_of_pairs(small_net, images):
    result = invert(small_net, images[:7], random_seed=0)
    of_reference, of_iri = _represented(small_net, images[:7]), _represented(small_net, result.iri_images)
    pairs = [np.linalg.norm(of_reference[i] - of_reference[j]) for i in range(7) for j in range(i)]
    expected = np.linalg.norm(of_iri - of_reference, axis=1) / np.median(pairs)
    np.testing.assert_allclose(result.pairwise_inversion_error, expected, rtol=1e-3)


def test_a_common_offset_shrinks_the_relative_error_and_not_the_pairwise_one(linear_model, flat_images, narrow):
    plain = linear_model(narrow)
    offset = nn.Sequential(nn.Linear(64, 20, dtype=torch.float64))
    offset.load_state_dict({"0.weight": narrow, "0.bias": torch.full((20,), 1e4, dtype=torch.float64)})
    settings = {"layer": "0", "random_seed": 0, "max_iterations": 1, "tolerance": 100.0, "pixel_bounds": None}
    without, with_offset = (invert(model, flat_images, **settings) for model in (plain, offset))
    assert with_offset.inversion_error.max() < 0.01 * without.inversion_error.min()
    torch.testing.assert_close(with_offset.pairwise_inversion_error, without.pairwise_inversion_error)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("bounds", [(0.0, 1.0), (0.25, 0.75)])
def test_pixels_stay_in_bounds_and_reach_them(small_net, images, method, bounds):
    low, high = bounds
    within = low + (high - low) * images
    settings = {"random_seed": 0, "tolerance": 10.0 if method == "normalised_gradient" else 0.05}
    result = invert(small_net, within, method=method, max_iterations=40, pixel_bounds=bounds, **settings)
    assert not torch.equal(result.iri_images, result.seed_images)
    for pictures in (result.seed_images, result.iri_images):
        assert (pictures.min().item(), pictures.max().item()) == bounds


def test_without_bounds_pixels_go_where_they_must(linear_model, flat_images):
    wide = 3 * flat_images - 1
    result = invert(linear_model(torch.eye(64).double()), wide, layer="0", random_seed=0, tolerance=1e-6, pixel_bounds=None)
    assert result.iri_images.min() < -0.9
    assert result.iri_images.max() > 1.9


@pytest.mark.parametrize("method", METHODS)
def test_a_descent_from_the_reference_images_ends_there(monkeypatch, small_net, images, method):
    monkeypatch.setitem(SEED_IMAGES, "reference", lambda seeds, index: seeds.reference_images[index])
    result = invert(small_net, images, random_seed=0, seed_images="reference", method=method, max_iterations=3)
    assert torch.equal(result.iri_images, images)
    assert result.inversion_error.max() < 1e-6
    assert result.converged.all()


@pytest.mark.parametrize("method", METHODS)
def test_images_that_do_not_converge_are_marked_and_warned_of(small_net, images, method):
    with pytest.warns(
        ConvergenceWarning, match=r"12 of 12 images did not reach inversion error 0\.05 .*raise max_iter"
    ) as caught:
        result = invert(small_net, images, random_seed=0, method=method, max_iterations=1)
    assert caught[0].filename == __file__
    assert not result.converged.any()
    assert (result.inversion_error <= (1 + 1e-5) * result.seed_error).all()
    assert torch.equal(result.iterations, torch.ones_like(result.iterations))


def test_converged_is_per_image(linear_model, flat_images):
    settings = {"layer": "0", "random_seed": 0, "max_iterations": 1, "pixel_bounds": None}
    model = linear_model(torch.eye(64).double())
    errors = invert(model, flat_images, tolerance=100.0, **settings).inversion_error
    tolerance = errors.median().item()
    with pytest.warns(ConvergenceWarning, match=r"5 of 10 images"):
        result = invert(model, flat_images, tolerance=tolerance, **settings)
    assert torch.equal(result.converged, errors <= tolerance)


def test_the_random_seed_decides_and_the_global_random_state_does_not(small_net, images):
    before = torch.get_rng_state()
    first = invert(small_net, images, random_seed=3)
    assert torch.equal(torch.get_rng_state(), before)
    torch.rand(5)
    again, other = invert(small_net, images, random_seed=3), invert(small_net, images, random_seed=4)
    assert torch.equal(first.iri_images, again.iri_images)
    assert torch.equal(first.inversion_error, again.inversion_error)
    assert not torch.equal(first.seed_images, other.seed_images)
    assert not torch.equal(first.iri_images, other.iri_images)


@pytest.mark.parametrize("layer", [None, "3"])
def test_batches_are_put_together_in_order(small_net, images, layer):
    result = invert(small_net, images[:10], layer=layer, random_seed=0, batch_size=3)
    assert result.converged.all()
    of_reference, of_iri = _represented(small_net, images[:10]), _represented(small_net, result.iri_images)
    distances = np.linalg.norm(of_iri[:, None] - of_reference[None], axis=2)
    np.testing.assert_array_equal(distances.argmin(axis=1), np.arange(10))
    np.testing.assert_array_equal(distances.argmin(axis=0), np.arange(10))


def test_images_beyond_the_pool_have_their_own_targets(monkeypatch, small_net, images):
    whole = invert(small_net, images, random_seed=0, batch_size=5)
    monkeypatch.setattr("stir.inversion.references.POOL", 4)
    monkeypatch.setattr("stir.inversion.result.POOL", 4)
    pooled = invert(small_net, images, random_seed=0, batch_size=5)
    assert pooled.converged.all()
    torch.testing.assert_close(pooled.seed_error, whole.seed_error)
    of_reference, of_iri = _represented(small_net, images), _represented(small_net, pooled.iri_images)
    expected = np.linalg.norm(of_iri - of_reference, axis=1) / np.linalg.norm(of_reference, axis=1)
    np.testing.assert_allclose(pooled.inversion_error, expected, rtol=1e-3)


@pytest.mark.parametrize("method", METHODS)
def test_images_descend_independently_of_their_batch(linear_model, flat_images, narrow, method):
    settings = {"layer": "0", "random_seed": 0, "method": method, "max_iterations": 30, "tolerance": 1.0}
    whole = invert(linear_model(narrow), flat_images, **settings)
    parts = invert(linear_model(narrow), flat_images, batch_size=3, **settings)
    torch.testing.assert_close(parts.iri_images, whole.iri_images, rtol=0, atol=1e-9)
    assert torch.equal(parts.iterations, whole.iterations)


def test_the_model_is_left_as_found(lived_in_model, left_as_found, images):
    with left_as_found(lived_in_model), pytest.warns(ConvergenceWarning):
        invert(lived_in_model, images, random_seed=0, max_iterations=2, tolerance=1e-6)


def test_float32_images_and_a_float64_model(flat_images, linear_model, narrow):
    result = invert(linear_model(narrow), flat_images.float(), layer="0", random_seed=0, tolerance=1e-9)
    assert result.converged.all()


def test_progress_shows_images_and_error(small_net, images, capsys):
    invert(small_net, images, random_seed=0, progress=True)
    shown = capsys.readouterr().err
    assert "inverting" in shown
    assert "12/12" in shown
    assert "median error" in shown


@pytest.mark.parametrize("tolerance", [0.1, 0.02])
def test_bfloat16_is_verified_and_finished_in_full_precision(small_net, images, tolerance):
    settings = {"random_seed": 0, "tolerance": tolerance}
    full, rounded = invert(small_net, images, **settings), invert(small_net, images, precision="bfloat16", **settings)
    assert not torch.equal(full.iri_images, rounded.iri_images)
    of_reference, of_iri = (_represented(small_net, x) for x in (images, rounded.iri_images))
    expected = np.linalg.norm(of_iri - of_reference, axis=1) / np.linalg.norm(of_reference, axis=1)
    np.testing.assert_allclose(rounded.inversion_error, expected, rtol=1e-3)
    assert (expected <= tolerance).all()
    assert rounded.converged.all()


@pytest.mark.parametrize("method", METHODS)
def test_batches_that_are_refilled_match_as_well_as_one_batch(small_net, images, method):
    settings = {"random_seed": 0, "tolerance": 0.2, "method": method, "max_iterations": 200}
    together, refilled = (invert(small_net, images, batch_size=size, **settings) for size in (12, 5))
    torch.testing.assert_close(refilled.seed_error, together.seed_error)
    assert torch.equal(refilled.converged, together.converged)
    torch.testing.assert_close(refilled.inversion_error, together.inversion_error, rtol=0.5, atol=0)


@pytest.mark.parametrize(("around", "note"), [(nn.Sequential(), "as given: .*another representation"), (None, "traced")])
def test_a_model_that_says_otherwise_when_traced_is_used_as_given(images, around, note):
    """A module with others inside has to be followed; one without is called as it is."""

    class Watchful(nn.Module):
        def __init__(self):
            super().__init__()
            self.around = around

        def forward(self, x):
            return x.flatten(1) * (2 if isinstance(x, torch.fx.Proxy) else 1)

    model = nn.Sequential(Watchful(), nn.Linear(64, 30), nn.Tanh(), nn.Linear(30, 10)).eval()
    forwards = fast_forwards(model, None, images, InversionSettings())
    assert re.match(note, forwards.note)
    assert (forwards.exact is None) == note.startswith("as given")


def test_correlations_and_classes_are_numpys(small_net, images):
    result = invert(small_net, images, random_seed=0, tolerance=0.05)
    of_reference, of_iri = (_represented(small_net, x) for x in (images, result.iri_images))
    expected = [np.corrcoef(a, b)[0, 1] for a, b in zip(of_reference, of_iri, strict=True)]
    np.testing.assert_allclose(result.correlation, expected, rtol=1e-4)
    others = np.corrcoef(of_iri, of_reference)[:12, 12:]
    np.fill_diagonal(others, np.nan)
    for i, value in enumerate(result.null_correlation.tolist()):
        assert np.nanmin(np.abs(others[i] - value)) < 1e-4, "it is the correlation with some other reference image"
    assert result.correlation.min() > result.null_correlation.max()
    with torch.no_grad():
        same = small_net.eval()(images).argmax(1) == small_net(result.iri_images).argmax(1)
    assert torch.equal(result.same_class, same)


def test_a_model_without_classes_has_no_same_class(linear_model, flat_images, narrow):
    model = nn.Sequential(linear_model(narrow), nn.Unflatten(1, (4, 5)))
    assert invert(model, flat_images, layer="0.0", random_seed=0, pixel_bounds=None).same_class is None


def test_a_fake_last_relu_lets_gradients_pass_dead_units():
    """A unit that is off at the seed image has no gradient of its own."""
    model = nn.Sequential(nn.Linear(1, 1), nn.ReLU(), nn.Linear(1, 2))
    for parameter, value in ((model[0].weight, 1.0), (model[0].bias, -0.5)):
        nn.init.constant_(parameter, value)
    settings = {"random_seed": 0, "method": "normalised_gradient", "seed_images": "black", "max_iterations": 2, "tolerance": 0.01}
    result = invert(model, torch.tensor([[1.0]]), fake_last_relu=True, **settings)
    assert result.inversion_error.item() < 1e-6
    with pytest.raises(InversionError, match="gradient is zero"):
        invert(model, torch.tensor([[1.0]]), **settings)
