"""Minibatch CKA against averages of unbiased HSIC in NumPy."""

import math

import h5py
import numpy as np
import pytest
import torch

from stir.errors import ConstantFeaturesError, InvalidInputError
from stir.similarity.linear_cka import linear_cka
from stir.similarity.minibatch_cka import minibatch_cka, minibatches


def _pair(n, d1=7, d2=300, *, random_seed=0, shared=1.0):
    random = np.random.default_rng(random_seed)
    common = shared * random.normal(size=(n, 3))
    x = common @ random.normal(size=(3, d1)) + random.normal(size=(n, d1)) + 5
    y = np.tanh(common) @ random.normal(size=(3, d2)) + random.normal(size=(n, d2)) - 2
    return torch.from_numpy(x), torch.from_numpy(y)


def _unbiased_hsic(k, l):  # noqa: E741
    """Song et al. 2012, equation 5, on Gram matrices without their diagonals."""
    n, ones = len(k), np.ones(len(k))
    k, l = k - np.diag(np.diag(k)), l - np.diag(np.diag(l))  # noqa: E741
    terms = np.trace(k @ l), (ones @ k @ ones) * (ones @ l @ ones) / ((n - 1) * (n - 2)), -2 / (n - 2) * (ones @ k @ l @ ones)
    return sum(terms) / (n * (n - 3))


def _independent(x, y, sizes):
    """HSICs of runs of these sizes, averaged over images."""
    x, y = x.double().numpy(), y.double().numpy()
    sums, start = np.zeros(3), 0
    for size in sizes:
        k, l = (z[start : start + size] @ z[start : start + size].T for z in (x, y))  # noqa: E741
        sums += size / len(x) * np.array([_unbiased_hsic(k, l), _unbiased_hsic(k, k), _unbiased_hsic(l, l)])
        start += size
    assert start == len(x)
    return sums[0] / math.sqrt(sums[1] * sums[2])


@pytest.mark.parametrize(
    ("n", "batch_size", "sizes"),
    [
        (40, 10, [10] * 4),
        (41, 10, [8, 8, 8, 8, 9]),
        (257, 256, [128, 129]),
        (40, 39, [20, 20]),
        (9, 4, [4, 5]),
        (23, 4, [4, 5, 4, 5, 5]),
    ],
)
def test_equals_an_independent_form_for_even_and_ragged_divisions(n, batch_size, sizes):
    x, y = _pair(n)
    assert sorted(some.stop - some.start for some in minibatches(n, batch_size)) == sorted(sizes)
    ordered = [some.stop - some.start for some in minibatches(n, batch_size)]
    assert minibatch_cka(x, y, batch_size=batch_size) == pytest.approx(_independent(x, y, ordered), rel=1e-9)


@pytest.mark.parametrize("n", range(4, 80))
def test_every_image_is_in_one_minibatch_of_at_least_four(n):
    for batch_size in (4, 5, 7, 16, 100):
        slices = minibatches(n, batch_size)
        assert [i for some in slices for i in range(n)[some]] == list(range(n))
        sizes = {some.stop - some.start for some in slices}
        assert min(sizes) >= 4
        assert max(sizes) - min(sizes) <= 1
        assert max(sizes) <= max(batch_size, 7)


def test_one_minibatch_is_the_debiased_estimate():
    x, y = _pair(60)
    for batch_size in (60, 61, 256):
        assert minibatch_cka(x, y, batch_size=batch_size) == linear_cka(x, y, debiased=True)


def test_hsic_is_estimated_without_bias_at_every_batch_size():
    """Averaged over many data sets, independent representations have none, though minibatches have four images."""
    values = [minibatch_cka(*_pair(48, 5, 5, random_seed=i, shared=0.0), batch_size=size) for i in range(200) for size in (4, 7)]
    assert np.mean(values) == pytest.approx(0, abs=0.04)
    assert min(values) < -0.05


def test_nears_the_whole_estimate():
    """A ragged division must not pull it away: the published scale factor gives 0.58 for 0.12."""
    x, y = _pair(2050, 40, 30)
    assert minibatch_cka(x, y, batch_size=256) == pytest.approx(linear_cka(x, y, debiased=True), abs=0.01)


def test_rotation_scale_offset_and_swapping_change_nothing():
    x, y = _pair(100)
    plain = minibatch_cka(x, y, batch_size=32)
    rotation = torch.linalg.qr(torch.randn(7, 7, generator=torch.Generator().manual_seed(0), dtype=torch.float64))[0]
    assert minibatch_cka(-1e6 * x @ rotation + 10, y * 1e-30 - 7e-30, batch_size=32) == pytest.approx(plain, abs=1e-10)
    assert minibatch_cka(y, x, batch_size=32) == pytest.approx(plain, abs=1e-12)
    assert minibatch_cka(x, x, batch_size=32) == pytest.approx(1, abs=1e-12)


def test_order_within_a_minibatch_does_not_matter_between_them_it_does():
    x, y = _pair(40)
    plain = minibatch_cka(x, y, batch_size=20)
    within, between = torch.cat([torch.arange(20).flip(0), torch.arange(20, 40)]), torch.arange(40).reshape(2, 20).T.flatten()
    assert minibatch_cka(x[within], y[within], batch_size=20) == pytest.approx(plain, abs=1e-12)
    assert abs(minibatch_cka(x[between], y[between], batch_size=20) - plain) > 1e-4


def test_large_means_cost_no_precision_in_float32():
    x, y = (z.float() + 1000 for z in _pair(100))
    expected = _independent(x.double() - x.double().mean(dim=0), y.double() - y.double().mean(dim=0), [33, 33, 34])
    assert minibatch_cka(x, y, batch_size=40) == pytest.approx(expected, abs=1e-6)


def test_reads_a_minibatch_at_a_time_from_disk(tmp_path):
    x, y = _pair(100)
    with h5py.File(tmp_path / "x.h5", "w") as file:
        stored = file.create_dataset("x", data=x.numpy())
        assert minibatch_cka(stored, y.numpy(), batch_size=32) == minibatch_cka(x, y, batch_size=32)


def test_what_cannot_be_compared_is_refused():
    x, y = _pair(20)
    with pytest.raises(InvalidInputError, match=r"batch_size >= 4; got 3\. HSIC cannot"):
        minibatch_cka(x, y, batch_size=3)
    with pytest.raises(InvalidInputError, match=r"x with at least 4 images.*got 3"):
        minibatch_cka(x[:3], y[:3])
    with pytest.raises(InvalidInputError, match=r"equal n; got x \(20, 7\) and y \(19, 300\)"):
        minibatch_cka(x, y[:-1], batch_size=5)
    with pytest.raises(InvalidInputError, match=r"finite y; got NaN or infinity for image 13"):
        minibatch_cka(x, y.index_fill(0, torch.tensor([13]), torch.nan), batch_size=5)
    with pytest.raises(ConstantFeaturesError, match="in x; all 20 images"):
        minibatch_cka(x[:1].expand(20, -1), y, batch_size=5)


def test_no_variance_between_images_of_any_minibatch_is_refused():
    """Each minibatch is constant, though they differ."""
    x, y = _pair(20)
    x = x[::5].repeat_interleave(5, dim=0)
    with pytest.raises(InvalidInputError, match="HSIC of a representation with itself is not positive"):
        minibatch_cka(x, y, batch_size=5)


def test_float32_is_left_where_little_is_left_of_the_products():
    """One image far from all others dominates every product, but does not affect the unbiased HSICs."""
    x, y = (torch.randn(1000, 600, generator=torch.Generator().manual_seed(i)) for i in range(2))
    x[0] *= 1000
    y[0] *= 1000
    expected = minibatch_cka(x.double(), y.double(), batch_size=500)
    assert minibatch_cka(x, y, batch_size=500) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("batch_size", [250, 600])
@pytest.mark.parametrize("factor", [1, 1e32, 1e-41])
def test_rounded_means_cost_no_precision_in_products_of_float32(batch_size, factor):
    """Means 1e5 times as large as differences have rounding errors that the sums of rows take account of."""
    x, y = (torch.randn(1100, 600, generator=torch.Generator().manual_seed(i)) for i in range(2))
    x, y = (x + 1e5) * factor, y + x - 1e5
    expected = minibatch_cka(x.double(), y.double(), batch_size=batch_size)
    assert minibatch_cka(x, y, batch_size=batch_size) == pytest.approx(expected, abs=1e-8)


def test_minibatches_of_different_ranges_share_a_unit():
    x, y = _pair(40)
    x[10:] *= 1e6
    assert minibatch_cka(x, y, batch_size=10) == pytest.approx(_independent(x, y, [10] * 4), rel=1e-9)


class _Counted:
    """A matrix that counts the entries that are read."""

    def __init__(self, matrix):
        self.matrix, self.read = matrix, 0
        self.shape, self.dtype = matrix.shape, matrix.dtype

    def __len__(self):
        return len(self.matrix)

    def __getitem__(self, key):
        part = self.matrix[key]
        self.read += part.size
        return part


def test_every_image_is_read_once():
    x, y = (_Counted(z.numpy()) for z in _pair(100))
    minibatch_cka(x, y, batch_size=32)
    assert (x.read, y.read) == (x.matrix.size, y.matrix.size)
