"""Measures as the cosine of one matrix per representation: with images shuffled, and with each left out."""

import pytest
import torch

from stir.similarity import SIMILARITY_MEASURES
from stir.similarity.cosines import cosine, cosines_without_each, shuffled_cosines

COSINES = {name: measure for name, measure in SIMILARITY_MEASURES.items() if measure.cosine is not None}
WITH_JACKKNIFE = [name for name, measure in COSINES.items() if measure.cosine.centring is not None]


@pytest.fixture
def representations(generator):
    """Two representations of 40 images that share half of their variance."""
    x, y = torch.randn(2, 40, 7, generator=generator, dtype=torch.float64)
    return x, x @ torch.randn(7, 7, generator=generator, dtype=torch.float64) + 2 * y


def _matrices(name, *representations):
    return [COSINES[name].cosine.matrix(z, "z").double() for z in representations]


@pytest.mark.parametrize("name", COSINES)
def test_a_measure_is_the_cosine_of_its_matrices(representations, name):
    assert cosine(*_matrices(name, *representations)) == pytest.approx(COSINES[name](*representations), abs=1e-12)


@pytest.mark.parametrize("name", COSINES)
def test_shuffled_matrices_are_those_of_shuffled_images(representations, generator, name):
    x, y = representations
    orders = torch.stack([torch.randperm(len(x), generator=generator) for _ in range(3)])
    expected = [COSINES[name](x, y[order]) for order in orders]
    k, l = _matrices(name, x, y)  # noqa: E741
    found = shuffled_cosines(k, torch.stack([l, k]), orders)
    assert found[0].tolist() == pytest.approx(expected, abs=1e-12)
    assert found[1].tolist() == pytest.approx([COSINES[name](x, x[order]) for order in orders], abs=1e-12)


@pytest.mark.parametrize("name", WITH_JACKKNIFE)
def test_a_cosine_without_an_image_is_that_of_the_others(representations, name):
    """Exactly so where the matrix of the others is a part of that of all; medians and ranks of all pairs are kept."""
    x, y = representations
    others = [[number for number in range(len(x)) if number != image] for image in range(len(x))]
    expected = torch.tensor([COSINES[name](x[kept], y[kept]) for kept in others])
    found = cosines_without_each(*_matrices(name, x, y), COSINES[name].cosine.centring)
    exact = "linear" in name or "pearson" in name
    torch.testing.assert_close(found.float(), expected, rtol=0, atol=1e-6 if exact else 0.01)
