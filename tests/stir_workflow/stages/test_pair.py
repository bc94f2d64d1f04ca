"""Representations in a joint basis: narrower, and the same to every measure that no rotation changes."""

import pytest
import torch

from stir.errors import InvalidInputError
from stir.similarity import SIMILARITY_MEASURES
from stir_workflow.stages.pair import _in_joint_basis

REFUSE_WIDE = {"mean_cca", "linear_regression"}
INVARIANT = [name for name, measure in SIMILARITY_MEASURES.items() if measure.rotation_invariant and name not in REFUSE_WIDE]


def _pair(generator, n, d):
    x = torch.randn(n, 6, generator=generator) @ torch.randn(6, d, generator=generator) + torch.rand(d, generator=generator)
    return x, x + 0.5 * torch.randn(n, 6, generator=generator) @ torch.randn(6, d, generator=generator)


@pytest.mark.parametrize("name", INVARIANT)
def test_the_score_is_the_same(generator, name):
    x, x_prime = _pair(generator, 30, 200)
    short, short_prime = _in_joint_basis(x, x_prime)
    assert (short.shape, short_prime.shape) == ((30, 30), (30, 60))
    measure = SIMILARITY_MEASURES[name]
    assert measure(short, short_prime) == pytest.approx(measure(x, x_prime), abs=2e-6)


@pytest.mark.parametrize("name", sorted(REFUSE_WIDE))
def test_a_measure_that_refuses_wide_representations_still_does(generator, name):
    pair = _pair(generator, 30, 200)
    for x, x_prime in (pair, _in_joint_basis(*pair)):
        noisy = x + 0.1 * torch.randn(x.shape, generator=generator)
        with pytest.raises(InvalidInputError, match="more images than"):
            SIMILARITY_MEASURES[name](noisy, x_prime)


def test_distances_between_an_image_and_its_iri_are_kept(generator):
    x, x_prime = _pair(generator, 30, 200)
    short, short_prime = _in_joint_basis(x, x_prime)
    padded = torch.nn.functional.pad(short, (0, 30))
    torch.testing.assert_close((padded - short_prime).norm(dim=1).float(), (x - x_prime).norm(dim=1), rtol=1e-5, atol=0)


def test_the_reference_images_are_the_same_beside_every_random_seed(generator):
    x, x_prime = _pair(generator, 30, 200)
    first, _ = _in_joint_basis(x, x_prime)
    second, _ = _in_joint_basis(x, _pair(generator, 30, 200)[1])
    torch.testing.assert_close(first, second)


def test_what_is_not_wide_stays_as_it_is(generator):
    x, x_prime = _pair(generator, 30, 60)
    short, short_prime = _in_joint_basis(x, x_prime)
    assert short is x
    assert short_prime is x_prime
