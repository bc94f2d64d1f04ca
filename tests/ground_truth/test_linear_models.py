"""STIR of linear models, whose identically represented inputs have a closed form: x' = x0 + A⁺A (x − x0).

Everything goes through `stir.shared_invariance` as a user calls it; the closed form is computed beside it with NumPy.
"""

from typing import NamedTuple

import numpy as np
import pytest
import torch

import stir
from stir.score import score
from stir.similarity import SIMILARITY_MEASURES
from tests.ground_truth.networks import N_PIXELS, matrix

N_IMAGES = 60
SETTINGS = {"layer": "0", "pixel_bounds": None, "tolerance": 1e-9, "max_iterations": 3000, "random_seed": 0}
RELATIONS = {
    "nested": (slice(0, 8), slice(2, 6)),
    "disjoint": (slice(0, 8), slice(8, 14)),
    "overlapping": (slice(0, 8), slice(4, 12)),
    "larger": (slice(0, 5), slice(0, 10)),
    "rotated": (slice(0, 6), slice(0, 6)),
    "touching": (slice(0, 6), slice(5, 11)),
}
"""Dimensions of pixel space that m1 reads, and those that m2 reads."""

TOLERANCE, UNDETERMINED = 1e-3, 0.05


class Measured(NamedTuple):
    """One experiment."""

    reference: np.ndarray
    target: np.ndarray
    target_model: torch.nn.Module
    images: np.ndarray
    result: stir.SharedInvariance

    def stir(self, name):
        """Return STIR by another similarity measure, from the same IRIs."""
        x, y = (
            stir.represent(self.target_model, of, layer="0") for of in (torch.from_numpy(self.images), self.result.iri_images)
        )
        return score(reference_of_reference=x, target_of_reference=x, target_of_iri=y, similarity_measure=name).stir

    @property
    def closed_form(self):
        """The nearest point to each seed image that m1 represents as it represents the image."""
        return closed_form_iris(self.reference, self.images, self.result.seed_images.numpy())


def closed_form_iris(reference, images, seed_images):
    """Return x0 + A⁺A (x − x0)."""
    return seed_images + (images - seed_images) @ (np.linalg.pinv(reference) @ reference).T


def tolerance(name, reference, target):
    """Return how near a score has to come to the closed form.

    PWCCA's weights are arbitrary among equal canonical correlations, and all dimensions that both models read have 1.
    """
    shared = len(reference) + len(target) - np.linalg.matrix_rank(np.concatenate([reference, target]))
    return UNDETERMINED if name == "pwcca" and 1 < shared < len(target) else TOLERANCE


@pytest.fixture(scope="module")
def subspaces():
    return {
        name: (matrix(one.start, one.stop, mixing=1), matrix(other.start, other.stop, mixing=2))
        for name, (one, other) in RELATIONS.items()
    }


@pytest.fixture(scope="module")
def measured(subspaces):
    """Return what is measured between two linear models; every pair is inverted once."""
    images = np.random.default_rng(1).normal(size=(N_IMAGES, N_PIXELS))
    done = {}

    def linear(matrix):
        layer = torch.nn.Linear(N_PIXELS, len(matrix), bias=False, dtype=torch.float64)
        layer.weight.data = torch.from_numpy(matrix)
        return torch.nn.Sequential(layer)

    def measure(relation, direction):
        if (relation, direction) not in done:
            one, other = subspaces[relation][::direction]
            models = {"reference_model": linear(one), "target_model": linear(other)}
            result = stir.shared_invariance(**models, images=torch.from_numpy(images), **SETTINGS)
            done[relation, direction] = Measured(one, other, models["target_model"], images, result)
        return done[relation, direction]

    return measure


@pytest.mark.parametrize("direction", [1, -1], ids=["forwards", "backwards"])
@pytest.mark.parametrize("relation", RELATIONS)
def test_iris_of_linear_models_are_the_nearest_matches_to_the_seed_images(measured, relation, direction):
    found = measured(relation, direction)
    assert np.abs(found.result.iri_images.numpy() - found.closed_form).max() < 1e-6


@pytest.mark.parametrize("name", SIMILARITY_MEASURES)
@pytest.mark.parametrize("direction", [1, -1], ids=["forwards", "backwards"])
@pytest.mark.parametrize("relation", RELATIONS)
def test_stir_of_linear_models_is_that_of_the_closed_form(measured, relation, direction, name):
    found = measured(relation, direction)
    x, y = (torch.from_numpy(of @ found.target.T) for of in (found.images, found.closed_form))
    assert found.stir(name) == pytest.approx(SIMILARITY_MEASURES[name](x, y), abs=tolerance(name, found.reference, found.target))


@pytest.mark.parametrize("relation", RELATIONS)
def test_linear_cka_of_linear_models_has_a_formula_in_numpy(measured, relation):
    found = measured(relation, 1)
    x, y = found.images @ found.target.T, found.closed_form @ found.target.T
    x, y = x - x.mean(axis=0), y - y.mean(axis=0)
    expected = np.linalg.norm(x.T @ y) ** 2 / (np.linalg.norm(x.T @ x) * np.linalg.norm(y.T @ y))
    assert found.result.score == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("direction", [1, -1], ids=["forwards", "backwards"])
@pytest.mark.parametrize("relation", RELATIONS)
def test_debiased_stir_approaches_that_of_the_population(subspaces, relation, direction):
    """For x ~ N(0, I) and seed images ~ N(0, s² I), independent: Cov(x, x') = P and Cov(x') = P + s² (I − P)."""
    one, other = subspaces[relation][::direction]
    rng, n, spread = np.random.default_rng(2), 20_000, 0.8
    images, seeds = rng.normal(size=(n, N_PIXELS)), spread * rng.normal(size=(n, N_PIXELS))
    iris = closed_form_iris(one, images, seeds)
    found = SIMILARITY_MEASURES["linear_cka_debiased"](torch.from_numpy(images @ other.T), torch.from_numpy(iris @ other.T))
    assert found == pytest.approx(population_stir(one, other, spread), abs=0.02)


def population_stir(reference, target, spread):
    """Return ‖B P Bᵀ‖² / (‖B Bᵀ‖ ‖B (P + s² (I − P)) Bᵀ‖), with P the projector onto the rows of m1 and B = m2."""
    p = np.linalg.pinv(reference) @ reference
    of_iris = target @ (p + spread**2 * (np.eye(N_PIXELS) - p)) @ target.T
    shared = np.linalg.norm(target @ p @ target.T) ** 2
    return shared / (np.linalg.norm(target @ target.T) * np.linalg.norm(of_iris))


def test_the_relations_cover_all_degrees_of_shared_invariance(subspaces):
    degrees = {name: population_stir(one, other, 0.8) for name, (one, other) in subspaces.items()}
    assert degrees["nested"] == pytest.approx(1)
    assert degrees["disjoint"] == pytest.approx(0, abs=1e-12)
    assert 0.05 < degrees["overlapping"] < 0.95
    assert 0.05 < degrees["larger"] < 0.95
