"""Mean canonical correlation."""

import numpy as np
import pytest
import torch
from scipy.linalg import eigvals, svdvals

from stir.errors import ConstantFeaturesError, InvalidInputError
from stir.similarity import mean_cca
from stir.similarity.reduction import principal_components, reduction
from tests.stir.similarity.cases import NARROW, centred, related_pair, rotation


def _correlations(x, y):
    """Roots of the eigenvalues of Cxx⁻¹ Cxy Cyy⁻¹ Cyx."""
    x, y = centred(x), centred(y)
    squares = eigvals(np.linalg.solve(x.T @ x, x.T @ y) @ np.linalg.solve(y.T @ y, y.T @ x)).real
    return np.sqrt(np.sort(squares)[::-1][: min(x.shape[1], y.shape[1])])


@NARROW
def test_equals_an_independent_form(n, d1, d2):
    x, y = related_pair(n, d1, d2)
    assert mean_cca(x, y) == pytest.approx(_correlations(x, y).mean(), abs=1e-9)


def test_no_invertible_linear_map_changes_it():
    x, y = related_pair(200, 7, 11)
    stretched = x @ torch.diag(torch.logspace(0, 4, 7, dtype=torch.float64)) @ rotation(7)
    assert mean_cca(stretched, y) == pytest.approx(mean_cca(x, y), abs=1e-9)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16])
def test_directions_of_rounding_are_not_counted(dtype):
    """40 or 400 features that are combinations of 7, then rounded; 400 are more than the images."""
    x, y = related_pair(200, 7, 11)
    mixtures = torch.randn(7, 400, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    for d in (40, 400):
        mixed = (x @ mixtures[:, :d]).to(dtype)
        assert principal_components(mixed, "x").scores.shape[1] == 7
        assert mean_cca(mixed, y) == pytest.approx(mean_cca(x, y), abs=10 * torch.finfo(dtype).eps)


def test_combinations_computed_in_float32_are_not_counted():
    x, y = (z.float() for z in related_pair(300, 50, 11))
    mixed = x @ torch.randn(50, 100, generator=torch.Generator().manual_seed(0))
    assert mean_cca(mixed.relu() - (-mixed).relu(), y) == pytest.approx(mean_cca(x, y), abs=1e-5)


def test_faint_directions_are_counted():
    x = related_pair(200, 7, 11)[0]
    faint = torch.cat([x[:, :6], 1e-4 * x[:, 6:]], dim=1).float()
    assert principal_components(faint, "x").scores.shape[1] == 7


def test_differences_of_rounding_alone_are_refused():
    x = related_pair(50, 7, 11)[0].half()
    rounded = torch.full((50, 4), 1000.0, dtype=torch.float16)
    rounded[7] += torch.tensor([5.0, 0, 0, 0])
    with pytest.raises(ConstantFeaturesError, match=r"in y by more than rounding.*wider type"):
        mean_cca(x, rounded)


@pytest.mark.parametrize(("n", "d1", "d2"), [(20, 30, 40), (20, 10, 10), (20, 3, 30), (20, 19, 2)])
def test_dimensions_that_must_intersect_are_refused(n, d1, d2):
    x, y = torch.randn(n, d1, dtype=torch.float64), torch.randn(n, d2, dtype=torch.float64)
    ranks = min(d1, n - 1), min(d2, n - 1)
    correlations = svdvals(principal_components(x, "x").scores.mT.numpy() @ principal_components(y, "y").scores.numpy())
    forced = int((correlations > 1 - 1e-9).sum())
    message = rf"n = 20, rank\(x\) = {ranks[0]}, rank\(y\) = {ranks[1]}\. {forced} of the {min(ranks)} canonical correlations"
    with pytest.raises(InvalidInputError, match=rf"{message}.*at least {sum(ranks) + 1} images.*svcca with less variance"):
        mean_cca(x, y)


def test_as_many_images_as_needed_are_enough():
    x, y = related_pair(20, 9, 10)
    assert 0 < mean_cca(x, y) < 1


@pytest.mark.parametrize("d", [5, 30, 50, 400])
def test_reduction_keeps_inner_products(d, monkeypatch):
    monkeypatch.setattr("stir.similarity.chunks.CHUNK_BYTES", 8 * 30 * 7)
    monkeypatch.setattr("stir.similarity.chunks.LEAST_LENGTH", 7)
    monkeypatch.setattr("stir.similarity.chunks.CACHED_BYTES", 2)
    x = related_pair(30, d, 5)[0]
    matrix = reduction(x).matrix.numpy()
    assert matrix.shape == (30, min(30, d))
    gram, expected = matrix @ matrix.T, centred(x) @ centred(x).T
    assert gram / gram.max() == pytest.approx(expected / expected.max(), abs=1e-12)
