"""Gram matrices and distances against NumPy."""

import numpy as np
import pytest
import torch

from stir.similarity.gram import SymmetricProduct, WholeProduct, centred_gram, squared_distances

SHAPES = pytest.mark.parametrize(("n", "d"), [(5, 3), (127, 9), (128, 40), (129, 40), (257, 40), (600, 700)])


def _data(n, d, *, dtype=np.float64):
    return np.random.default_rng(0).normal(size=(n, d)).astype(dtype)


@SHAPES
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_equals_centring_then_multiplying(n, d, dtype):
    x = _data(n, d, dtype=dtype) + np.asarray(1000, dtype)
    centred = x.astype(np.float64) - x.astype(np.float64).mean(axis=0)
    gram = centred_gram(torch.from_numpy(x))
    assert gram.dtype == torch.float64
    np.testing.assert_allclose(gram.numpy(), centred @ centred.T, atol=1e-10)
    assert torch.equal(gram, gram.mT)
    assert torch.equal(centred_gram(x), gram)


@SHAPES
def test_distances_equal_differences(n, d):
    x = _data(n, d) + 1000
    expected = ((x[:, None] - x[None]) ** 2).sum(axis=2) if n * d < 1e5 else None
    distances = squared_distances(torch.from_numpy(x))
    assert torch.equal(distances, distances.mT)
    assert (distances.diagonal() == 0).all()
    assert (distances >= 0).all()
    if expected is not None:
        np.testing.assert_allclose(distances.numpy(), expected, rtol=1e-9, atol=1e-9)


def test_near_duplicates_are_told_apart_though_far_from_zero():
    """In float64 without centring, squared norms of 1e14 would hide a squared distance of 1e-4."""
    x = torch.from_numpy(_data(50, 30)) + 1e6
    x[1] = x[0] + 0.01 / 30**0.5
    assert squared_distances(x)[0, 1].item() == pytest.approx((x[0] - x[1]).square().sum().item(), rel=1e-6)


def test_duplicates_have_no_negative_distance(monkeypatch):
    """Rounded products of two equal images may exceed the square of either, on some processors and at some sizes."""
    for n in (100, 130, 170, 190, 250, 301):
        assert squared_distances(torch.from_numpy(_data(n, 700)).repeat(2, 1)).min() == 0
    above = torch.tensor([[1.0, 1.0 + 1e-15], [1.0 + 1e-15, 1.0]], dtype=torch.float64)
    monkeypatch.setattr("stir.similarity.gram.centred_gram", lambda _: above)
    assert (2 - 2 * above).min() < 0
    assert squared_distances(torch.ones(2, 3)).min() == 0


def test_pieces_give_what_the_whole_gives(monkeypatch):
    x = torch.from_numpy(_data(40, 100))
    whole = centred_gram(x), squared_distances(x)
    monkeypatch.setattr("stir.similarity.chunks.CHUNK_BYTES", 8 * 40 * 7)
    for found, expected in zip((centred_gram(x), squared_distances(x)), whole, strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)


@SHAPES
@pytest.mark.parametrize("product", [SymmetricProduct, WholeProduct])
def test_a_product_gives_its_sums(product, n, d):
    a, b = torch.from_numpy(_data(n, d)), torch.from_numpy(_data(n, d + 1)).flip(0)
    k, l = (product(n, torch.device("cpu")) for _ in range(2))  # noqa: E741
    k.add(a), k.add(a, weight=0.25), l.add(b)
    whole = 1.25 * a @ a.mT, b @ b.mT
    torch.testing.assert_close(k.row_sums(), whole[0].sum(dim=1), rtol=1e-12, atol=1e-9)
    torch.testing.assert_close(k.diagonal(), whole[0].diagonal(), rtol=1e-12, atol=1e-12)
    assert k.inner(l) == pytest.approx((whole[0] * whole[1]).sum().item(), rel=1e-12)


@SHAPES
def test_half_a_product_stands_for_the_whole(n, d):
    a, b = torch.from_numpy(_data(n, d)), torch.from_numpy(_data(n, d + 1)).flip(0)
    k, l = (SymmetricProduct(n, torch.device("cpu")) for _ in range(2))  # noqa: E741
    k.add(a), k.add(a.flip(1)[:, :2], weight=0.25), l.add(b)
    whole = a @ a.mT + 0.25 * a[:, -2:] @ a[:, -2:].mT, b @ b.mT
    torch.testing.assert_close(k.whole(), whole[0], rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(k.diagonal(), whole[0].diagonal(), rtol=1e-12, atol=1e-12)
    assert k.inner(l) == pytest.approx((whole[0] * whole[1]).sum().item(), rel=1e-12)


def test_the_argument_is_not_changed():
    x = torch.from_numpy(_data(20, 5))
    before = x.clone()
    squared_distances(x)
    assert torch.equal(x, before)
