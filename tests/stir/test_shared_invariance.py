"""The whole method, on linear models whose invariances and scores are known, and on small networks."""

import inspect
from collections import OrderedDict

import pytest
import torch
from torch import nn

from stir.controls import N_NOISE, matched_noise
from stir.errors import ConvergenceWarning, FewImagesWarning, InvalidInputError, LayerError, NondeterministicModelError
from stir.inversion import InversionSettings, InversionSnapshot, invert
from stir.shared_invariance import shared_invariance
from stir.similarity import SIMILARITY_MEASURES, linear_cka, pnka

SETTINGS = {"layer": "0", "pixel_bounds": None, "tolerance": 1e-8, "similarity_measure": "linear_cka_debiased"}


@pytest.fixture
def spaces(generator):
    """Orthonormal rows: 20 dimensions of pixel space that m1 sees, and 20 of the 44 that it does not."""
    basis = torch.linalg.qr(torch.randn(64, 64, generator=generator, dtype=torch.float64))[0]
    return basis[:20], basis[20:40]


def _more(seen, unseen):
    return torch.cat([seen, 3 * unseen])


@pytest.fixture
def pictures(spaces, generator):
    """A hundred pictures that lie nearly wholly in the space that m1 sees."""
    seen, _ = spaces
    noise = torch.randn(100, 64, generator=generator, dtype=torch.float64)
    return torch.randn(100, 20, generator=generator, dtype=torch.float64) @ seen + 0.01 * noise


@pytest.fixture
def reference(linear_model, spaces):
    return linear_model(spaces[0])


@pytest.fixture
def with_same_invariances(linear_model, spaces, generator):
    """m2 = Q m1 with an invertible, rotating Q."""
    rotation = torch.linalg.qr(torch.randn(20, 20, generator=generator, dtype=torch.float64))[0]
    return linear_model(rotation @ spaces[0])


@pytest.fixture
def seeing_more(linear_model, spaces):
    """m2 sees what m1 sees and, three times as strongly, what m1 does not."""
    return linear_model(_more(*spaces))


def _score(reference, target, pictures, **settings):
    return shared_invariance(reference_model=reference, target_model=target, images=pictures, **SETTINGS | settings)


def test_a_model_shares_its_own_invariances(reference, seeing_more, pictures):
    for model in (reference, seeing_more):
        assert _score(model, model, pictures).score == pytest.approx(1, abs=1e-6)


def test_a_rotated_output_has_the_same_invariances(reference, with_same_invariances, pictures):
    result = _score(reference, with_same_invariances, pictures)
    assert result.score == pytest.approx(1, abs=1e-6)
    assert result.similarity == pytest.approx(1, abs=1e-6)


def test_a_target_that_sees_more_scores_low_although_it_is_similar(reference, seeing_more, pictures, spaces):
    """X' keeps the seed's part that m1 does not see, so the score is known: that of seen X beside unseen seed."""
    seen, unseen = spaces
    result = _score(reference, seeing_more, pictures)
    assert result.similarity > 0.99
    assert result.score < 0.3
    iri_representations = torch.cat([pictures @ seen.mT, 3 * result.seed_images @ unseen.mT], dim=1)
    expected = linear_cka(pictures @ _more(*spaces).mT, iri_representations, debiased=True)
    assert result.score == pytest.approx(expected, abs=1e-6)


def test_a_target_that_sees_only_what_the_reference_does_not_scores_zero(reference, linear_model, spaces, pictures):
    assert _score(reference, linear_model(spaces[1]), pictures).score == pytest.approx(0, abs=0.1)


def test_swapping_the_models_changes_the_score(reference, seeing_more, pictures):
    """m1 is blind to more than m2: all that m2 is invariant to, m1 is invariant to; not the other way round."""
    assert _score(seeing_more, reference, pictures).score == pytest.approx(1, abs=1e-6)
    assert _score(reference, seeing_more, pictures).score < 0.3


def test_the_biased_measure_is_the_default(reference, seeing_more, pictures):
    settings = {key: value for key, value in SETTINGS.items() if key != "similarity_measure"}
    result = shared_invariance(reference_model=reference, target_model=seeing_more, images=pictures, **settings)
    assert result.similarity_measure == "linear_cka"
    by_hand = linear_cka(seeing_more(pictures).detach(), seeing_more(result.iri_images).detach())
    assert result.score == pytest.approx(by_hand, abs=1e-12)
    assert result.similarity == pytest.approx(linear_cka(pictures @ reference[0].weight.mT, seeing_more(pictures)), abs=1e-12)


@pytest.fixture
def other_net(images):
    """Another architecture, whose layers have other names."""
    torch.manual_seed(1)
    layers = OrderedDict(flatten=nn.Flatten(), first=nn.Linear(64, 30), act=nn.ReLU(), head=nn.Linear(30, 10))
    return nn.Sequential(layers).train()


def test_fields_and_shapes_for_networks_of_two_kinds(small_net, other_net, images):
    result = shared_invariance(reference_model=small_net, target_model=other_net, images=images, random_seed=1)
    assert 0 < result.score < 1
    assert 0 < result.similarity < 1
    assert result.iri_images.shape == result.seed_images.shape == images.shape
    assert result.inversion_error.shape == result.converged.shape == (12,)
    assert result.converged.dtype == torch.bool
    assert torch.equal(result.converged, result.inversion_error <= 0.05)
    assert result.iri_images.min() >= 0
    assert result.iri_images.max() <= 1


def test_with_a_random_seed_it_is_reproducible(small_net, other_net, images):
    models = {"reference_model": small_net, "target_model": other_net, "images": images}
    first, again, other = (shared_invariance(**models, random_seed=random_seed) for random_seed in (0, 0, 1))
    assert first.score == again.score
    assert torch.equal(first.iri_images, again.iri_images)
    assert first.score != other.score
    assert first.similarity == other.similarity


def test_both_models_are_left_as_found(lived_in_model, small_net, left_as_found, images):
    for models in ((lived_in_model, small_net), (small_net, lived_in_model)):
        with left_as_found(lived_in_model), left_as_found(small_net), pytest.warns(ConvergenceWarning):
            shared_invariance(reference_model=models[0], target_model=models[1], images=images, max_iterations=2, tolerance=1e-6)


def test_a_layer_for_each_model(small_net, other_net, images):
    models = {"reference_model": small_net, "target_model": other_net, "images": images}
    small_net.eval()
    result = shared_invariance(**models, reference_layer="3", target_layer="first")
    with torch.no_grad():
        of_reference, first = small_net[:4](images).flatten(1), other_net[:2]
        assert result.similarity == pytest.approx(linear_cka(of_reference, first(images)), abs=1e-6)
        assert result.score == pytest.approx(linear_cka(first(images), first(result.iri_images)), abs=1e-6)


def test_one_layer_means_the_layer_of_both(small_net, other_net, images):
    with pytest.raises(LayerError, match=r"no layer 'first'"):
        shared_invariance(reference_model=small_net, target_model=other_net, images=images, layer="first")


@pytest.mark.parametrize("argument", ["reference_layer", "target_layer"])
def test_layer_and_layers_together_are_refused(small_net, images, argument):
    with pytest.raises(InvalidInputError, match=r"either layer='3' for both models, or reference_layer and target_layer"):
        shared_invariance(reference_model=small_net, target_model=small_net, images=images, layer="3", **{argument: "3"})


def test_models_are_keywords(small_net, images):
    with pytest.raises(TypeError, match="positional"):
        shared_invariance(small_net, small_net, images=images)


def test_a_wrong_measure_is_refused_before_any_model_runs(images):
    with pytest.raises(InvalidInputError, match=r"similarity measure 'linear_cca'\. Did you mean 'linear_cka'"):
        shared_invariance(reference_model=None, target_model=None, images=images, similarity_measure="linear_cca")


def test_it_takes_whatever_an_inversion_takes():
    of_invert, own = (inspect.signature(function).parameters for function in (invert, shared_invariance))
    assert set(of_invert) - set(own) == {"reference_images"}
    assert {name: own[name].default for name in ("settings", "labels", "progress", "snapshot")} == {
        name: of_invert[name].default for name in ("settings", "labels", "progress", "snapshot")
    }


@pytest.mark.parametrize(
    "how",
    [
        {"seed_images": "other_class_image"},
        {"precision": "bfloat16", "tolerance": 0.2},
        {"settings": InversionSettings(method="normalised_gradient", max_iterations=30, tolerance=0.3), "batch_size": 5},
    ],
    ids=str,
)
def test_inversions_are_those_of_invert(digits, small_net, other_net, tmp_path, how):
    images, labels = (part[:12] for part in digits)
    expected = invert(small_net, images, random_seed=1, labels=labels, **how)
    snapshot = InversionSnapshot(tmp_path / "state.tmp")
    result = shared_invariance(
        reference_model=small_net, target_model=other_net, images=images, random_seed=1, labels=labels, snapshot=snapshot, **how
    )
    assert torch.equal(result.iri_images[:], expected.iri_images)
    assert torch.equal(result.seed_images[:], expected.seed_images)
    assert (tmp_path / "state.pictures.tmp").exists()
    snapshot.discard()


def test_settings_are_checked_before_any_model_runs(images):
    with pytest.raises(InvalidInputError, match=r"Unknown inversion setting 'tolerence'\. Did you mean 'tolerance'"):
        shared_invariance(reference_model=None, target_model=None, images=images, tolerence=0.1)


def test_the_score_comes_with_its_controls(reference, seeing_more, pictures):
    found = _score(reference, seeing_more, pictures)
    measure, controls = SIMILARITY_MEASURES[SETTINGS["similarity_measure"]], found.controls
    generator = torch.Generator().manual_seed(0)
    noisy = [matched_noise(pictures, found.iri_images, pixel_bounds=None, generator=generator) for _ in range(N_NOISE)]
    with torch.no_grad():
        of_images, of_iris = seeing_more(pictures), seeing_more(found.iri_images)
        scores = [measure(of_images, seeing_more(of)) for of in (found.seed_images, *noisy)]
    assert controls.score == found.score
    assert controls.ceiling == pytest.approx(1, abs=1e-6)
    assert controls.seed_floor == pytest.approx(scores[0], abs=1e-9)
    assert controls.noise == pytest.approx(sum(scores[1:]) / N_NOISE, abs=1e-9)
    assert controls.excess == pytest.approx((found.score - controls.noise) / (controls.ceiling - controls.noise))
    assert controls.interval.low < found.score < controls.interval.high
    assert 0 < controls.null_p_value <= 1
    assert found.per_image == pytest.approx(pnka(of_images, of_iris))
    assert found.target_same_class_fraction == (of_images.argmax(1) == of_iris.argmax(1)).double().mean()


def test_controls_do_not_depend_on_the_batch_size(reference, seeing_more, pictures):
    whole, parts = (_score(reference, seeing_more, pictures, batch_size=size).controls for size in (256, 24))
    assert parts.noise == pytest.approx(whole.noise, abs=1e-6)
    assert parts.seed_floor == pytest.approx(whole.seed_floor, abs=1e-6)


class _Drawing(nn.Module):
    def forward(self, images):
        return images + torch.rand(1)


@pytest.mark.parametrize(
    ("network", "match"),
    [
        (nn.Sequential(_Drawing(), nn.Linear(64, 5)), "represented the same images differently the second time"),
        (nn.Sequential(nn.Linear(64, 5), _Drawing()), "other logits for the same images the second time"),
    ],
    ids=["in the layer", "behind the layer"],
)
def test_a_target_that_draws_at_random_is_refused_before_anything_is_inverted(reference, pictures, network, match):
    layers = {"reference_layer": "0", "target_layer": "1" if "represented" in match else "0", "layer": None}
    with pytest.raises(NondeterministicModelError, match=match):
        _score(reference, network.double(), pictures, **layers, max_iterations=10**6)


@pytest.mark.parametrize(("n", "missing"), [(5, "nulls of shuffled images"), (19, "intervals over images")])
def test_too_few_images_for_a_control_are_said_with_the_least_number(reference, seeing_more, pictures, n, missing):
    with pytest.warns(FewImagesWarning, match=rf"{n} images are too few for .*{missing} \(at least \d+\)"):
        found = _score(reference, seeing_more, pictures[:n])
    assert found.controls.interval is None
    assert (found.controls.null_p95 != found.controls.null_p95) == (n < 6)
    assert found.score == found.controls.score
