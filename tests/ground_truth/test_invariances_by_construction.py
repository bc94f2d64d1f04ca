"""Networks that cannot see a change of the images: STIR and `stir.invariance` find it, by every measure.

Images are noise without any structure, so that a target without the invariance has nothing left of X in X'.
"""

import pytest
import torch

import stir
from stir.similarity import SIMILARITY_MEASURES
from tests.ground_truth import networks
from tests.ground_truth.networks import N_FEATURES, behind

N_IMAGES, CHANNELS, SIDE = 60, 3, 5
SETTINGS = {"layer": "output", "pixel_bounds": None}


def _rotated_channels(images, generator):
    return images.roll(1, dims=1)


def _translated(images, generator):
    """Translate every image by an amount of its own: one translation of all rotates the features, which CKA does not see."""
    shifts = torch.randint(1, SIDE, (len(images), 2), generator=generator).tolist()
    return torch.stack([image.roll(shift, dims=(1, 2)) for image, shift in zip(images, shifts, strict=True)])


def _permuted(images, generator):
    flat = images.flatten(2)
    orders = (torch.randperm(flat.shape[2], generator=generator) for _ in flat)
    return torch.stack([image[:, order] for image, order in zip(flat, orders, strict=True)]).reshape(images.shape)


PERTURBATIONS = {"channels": _rotated_channels, "translation": _translated, "permutation": _permuted}


def _invariant(invariance, random_seed=1):
    """Return a network that is invariant by construction, and its number of features."""
    if invariance == "channels":
        return networks.SumOverChannels(), SIDE**2
    network = networks.CircularConvolution if invariance == "translation" else networks.MeanOverPixels
    return network(CHANNELS, random_seed), N_FEATURES


SENSITIVE = {"channels": networks.FirstChannel, "translation": networks.Places, "permutation": networks.Places}
BLIND_TO_WHAT_IS_KEPT = SENSITIVE | {"channels": networks.ContrastOfChannels}
"""Networks that see nothing of what the invariant network sees."""


@pytest.fixture(scope="module")
def images():
    return torch.randn(N_IMAGES, CHANNELS, SIDE, SIDE, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.fixture(scope="module")
def perturbed(images):
    generator = torch.Generator().manual_seed(1)
    return {name: perturb(images, generator) for name, perturb in PERTURBATIONS.items()}


@pytest.fixture(scope="module")
def shared(images):
    """STIR of a target model; every pair is measured once."""
    done = {}

    def measure(invariance, target):
        if (invariance, target) not in done:
            reference, features = _invariant(invariance)
            target_model = behind(reference, features, 3) if target == "behind" else BLIND_TO_WHAT_IS_KEPT[invariance]()
            models = {"reference_model": reference, "target_model": target_model}
            exact = {"tolerance": 1e-7, "max_iterations": 2000, "similarity_measure": "linear_cka_debiased"}
            done[invariance, target] = target_model, stir.shared_invariance(**models, images=images, **SETTINGS, **exact)
        return done[invariance, target]

    return measure


@pytest.mark.parametrize("invariance", PERTURBATIONS)
def test_a_perturbation_that_a_network_cannot_see_scores_1_by_every_measure(images, perturbed, invariance):
    """The network is not the one of the inversions below: another that has the invariance."""
    network = behind(*_invariant(invariance, random_seed=2), 4)
    found = stir.invariance(network, images, perturbed[invariance], **SETTINGS)
    assert found.excess == pytest.approx(1, abs=1e-4)
    x, y = (stir.represent(network, of, layer="output") for of in (images, perturbed[invariance]))
    for name, measure in SIMILARITY_MEASURES.items():
        assert measure(x, y) == pytest.approx(1, abs=1e-6), name


@pytest.mark.parametrize("invariance", PERTURBATIONS)
def test_a_perturbation_of_all_that_a_network_sees_is_not_above_the_null(images, perturbed, invariance):
    network = SENSITIVE[invariance]()
    found = stir.invariance(network, images, perturbed[invariance], similarity_measure="linear_cka_debiased", **SETTINGS)
    assert found.calibrated == 0
    assert found.null_p_value > 0.05
    assert found.excess < -0.1


@pytest.mark.parametrize("invariance", PERTURBATIONS)
def test_stir_of_a_target_that_has_all_invariances_of_the_reference_reaches_the_ceiling(shared, images, invariance):
    target_model, found = shared(invariance, "behind")
    assert found.converged.all()
    x, y = (stir.represent(target_model, of, layer="output") for of in (images, found.iri_images))
    for name, measure in SIMILARITY_MEASURES.items():
        assert measure(x, y) == pytest.approx(1, abs=1e-3), name
    assert found.score == pytest.approx(found.controls.ceiling, abs=1e-6)
    assert found.controls.excess == pytest.approx(1, abs=1e-3)
    assert found.controls.seed_floor < found.controls.null_p95 + 0.05


@pytest.mark.parametrize("invariance", PERTURBATIONS)
def test_stir_of_a_target_that_sees_only_what_the_reference_does_not_is_the_floor(shared, invariance):
    _, found = shared(invariance, "blind")
    assert found.converged.all()
    assert found.controls.calibrated < 0.05
    assert found.score == pytest.approx(found.controls.seed_floor, abs=0.02)
    assert found.controls.excess < 0
