"""Linear CKA of matrices read in chunks, also from disk, with float32 products if these suffice."""

import math

import h5py
import numpy as np
import pytest
import torch

from stir.errors import ConstantFeaturesError, InvalidInputError
from stir.similarity import linear_cka
from stir.similarity.hsic import cka, linear_products, working_type
from tests.stir.similarity.cases import SHAPES, related_pair
from tests.stir.similarity.test_linear_cka import ESTIMATORS, _independent_cka


def _large_pair(n, d, *, spread_of_norms=0.0):
    """Two float32 representations large enough for float32 products."""
    generator = torch.Generator().manual_seed(0)
    common = torch.randn(n, 3, generator=generator)
    x, y = (common @ torch.randn(3, d, generator=generator) + 3 * torch.randn(n, d, generator=generator) + 3000 for _ in range(2))
    x[0] += spread_of_norms * torch.randn(d, generator=generator)
    return x, y


@ESTIMATORS
@pytest.mark.parametrize(("n", "d"), [(700, 600), (1600, 300), (120, 10000)], ids=["d=n", "d<n", "d>n"])
def test_products_in_float32_are_as_good_as_in_float64(n, d, debiased):
    x, y = _large_pair(n, d)
    assert working_type(x, y) is torch.float32
    assert working_type(x.double(), y) is working_type(x, y.double()) is torch.float64
    expected = linear_cka(x.double(), y.double(), debiased=debiased)
    assert 0 < abs(linear_cka(x, y, debiased=debiased) - expected) < 1e-8
    centred = [(z.double() - z.double().mean(dim=0)).numpy() for z in (x, y)]
    if d > n:
        assert expected == pytest.approx(_independent_cka(*map(torch.from_numpy, centred), debiased=debiased), abs=1e-10)


@pytest.mark.parametrize(("n", "d"), [(700, 600), (1600, 300)], ids=["Gram space", "feature space"])
def test_where_little_is_left_of_the_products_they_are_in_float64(n, d):
    """One image that is far from all others leaves HSIC a small difference of large numbers."""
    x, y = _large_pair(n, d, spread_of_norms=3000.0)
    exact = linear_products(x.double(), y.double(), least_n=4, dtype=torch.float64)
    coarse = linear_products(x, y, least_n=4, dtype=torch.float32)
    assert exact.share(debiased=True) < 1e-4
    assert abs(cka(coarse, debiased=True) - cka(exact, debiased=True)) > 1e-6
    assert linear_cka(x, y, debiased=True) == cka(exact, debiased=True)


@ESTIMATORS
@SHAPES
def test_arrays_on_disk_give_what_tensors_give(n, d1, d2, debiased, tmp_path):
    x, y = related_pair(n, d1, d2)
    np.save(tmp_path / "x.npy", x.numpy())
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    with h5py.File(tmp_path / "y.h5", "w") as file:
        stored = file.create_dataset("y", data=y.numpy())
        expected = linear_cka(x, y, debiased=debiased)
        assert linear_cka(mapped, stored, debiased=debiased) == expected
        assert linear_cka(x.numpy()[::-1].astype(">f8"), y.flip(0), debiased=debiased) == pytest.approx(expected, abs=1e-12)


@ESTIMATORS
@SHAPES
def test_pieces_give_what_the_whole_gives(n, d1, d2, debiased, monkeypatch):
    x, y = related_pair(n, d1, d2)
    expected = linear_cka(x, y, debiased=debiased)
    monkeypatch.setattr("stir.similarity.chunks.CHUNK_BYTES", 8 * 17 * 20)
    monkeypatch.setattr("stir.similarity.chunks.CACHED_BYTES", 8)
    monkeypatch.setattr("stir.similarity.chunks.LEAST_LENGTH", 5)
    monkeypatch.setattr("stir.similarity.features.CACHED_BYTES", 8 * 40)
    assert linear_cka(x, y, debiased=debiased) == pytest.approx(expected, abs=1e-12)
    bad = x.clone()
    bad[n - 2, -1] = torch.nan
    with pytest.raises(InvalidInputError, match=rf"NaN or infinity for image {n - 2}\."):
        linear_cka(bad, y, debiased=debiased)
    with pytest.raises(ConstantFeaturesError, match=rf"in x; all {n} images"):
        linear_cka(x[:1].expand(n, -1), y, debiased=debiased)
    for varied in (0, -1):
        mostly_constant = x[:1].repeat(n, 1)
        mostly_constant[:, varied] = x[:, varied]
        assert math.isfinite(linear_cka(mostly_constant, y, debiased=debiased))


def test_features_of_very_different_sizes(monkeypatch):
    """Chunks of features are scaled separately, and added with a common scale."""
    x, y = related_pair(20, 300, 90)
    x[:, :7] *= 1e-12
    x[:, 7:100] *= 1e12
    expected = linear_cka(x, y)
    assert expected == pytest.approx(_independent_cka(x, y, debiased=False), rel=1e-9)
    monkeypatch.setattr("stir.similarity.chunks.CHUNK_BYTES", 8 * 20 * 7)
    assert linear_cka(x, y) == pytest.approx(expected, rel=1e-12)


def test_gradients_are_not_asked_for():
    x, y = (z.requires_grad_() for z in related_pair(20, 5, 5))
    assert isinstance(linear_cka(x, y), float)


@pytest.mark.parametrize("other", [1.001, 0.999])
def test_a_difference_either_way_in_one_image_is_a_difference(other):
    x, y = torch.ones(20, 30), related_pair(20, 5, 5)[1]
    x[19, 29] = other
    assert math.isfinite(linear_cka(x, y, debiased=False))


def test_settings_that_round_products_round_none_here():
    x, y = _large_pair(700, 600)
    expected = linear_cka(x.double(), y.double())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert (x[:9] @ y[:9].mT).dtype is torch.bfloat16
        assert linear_cka(x, y) == pytest.approx(expected, abs=1e-12)
    torch.set_float32_matmul_precision("medium")
    try:
        assert linear_cka(x, y) == pytest.approx(expected, abs=1e-12)
    finally:
        torch.set_float32_matmul_precision("highest")


@pytest.mark.parametrize("largest", [1e-39, 1e-20, 1e20, 3e38])
def test_products_in_float32_neither_overflow_nor_vanish(largest):
    x, y = _large_pair(700, 600)
    x = (x - x.mean(dim=0)) * (largest / (x - x.mean(dim=0)).abs().max())
    assert linear_cka(x, y) == pytest.approx(linear_cka(x.double(), y.double()), abs=1e-8)
