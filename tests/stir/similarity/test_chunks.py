"""Reading tensors and arrays on disk in chunks."""

import h5py
import numpy as np
import pytest
import torch

from stir.similarity.chunks import CHUNK_BYTES, feature_chunks, paired_row_chunks, rectangle, row_chunks


class Counting:
    """A matrix that counts the values that are read."""

    def __init__(self, values):
        self._values, self.entries_read, self.largest = values, 0, 0
        self.shape, self.dtype = values.shape, values.dtype

    def __len__(self):
        return len(self._values)

    def __getitem__(self, key):
        part = self._values[key]
        size = int(np.prod(part.shape))
        self.entries_read, self.largest = self.entries_read + size, max(self.largest, size)
        return part


@pytest.fixture
def small_pieces(monkeypatch):
    monkeypatch.setattr("stir.similarity.chunks.CHUNK_BYTES", 8 * 60)
    monkeypatch.setattr("stir.similarity.chunks.CACHED_BYTES", 8 * 20)
    monkeypatch.setattr("stir.similarity.chunks.LEAST_LENGTH", 1)


@pytest.mark.parametrize("shape", [(1, 1), (7, 3), (3, 7), (13, 11), (2, 100), (100, 2)])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_pieces_make_the_whole_read_once(small_pieces, shape, dtype):
    values = np.random.default_rng(0).normal(size=shape).astype(dtype)
    for chunks, axis in ((row_chunks, 0), (feature_chunks, 1)):
        x = Counting(values)
        pieces = list(chunks(x))
        assert torch.equal(torch.cat(pieces, dim=axis), torch.from_numpy(values))
        assert x.entries_read == values.size
        assert x.largest <= max(60, values.shape[1 - axis])
        assert len(pieces) > 1 or values.size <= 20


def test_pairs_of_pieces_are_of_the_same_images(small_pieces):
    x, y = torch.arange(60.0).reshape(20, 3), torch.arange(140.0).reshape(20, 7)
    pieces = list(paired_row_chunks(x, y))
    assert len(pieces) > 5
    assert all(len(a) == len(b) for a, b in pieces)
    for i, whole in enumerate((x, y)):
        assert torch.equal(torch.cat([pair[i] for pair in pieces]), whole)


@pytest.mark.parametrize("shape", [(3000, 5000), (5, 10**7), (10**7, 5)])
def test_a_reading_is_bounded(shape):
    """A broadcast array takes no memory itself."""
    for chunks in (row_chunks, feature_chunks):
        x = Counting(np.broadcast_to(np.float32(1), shape))
        next(chunks(x))
        assert 8 * x.largest <= max(CHUNK_BYTES, 8 * max(shape))


def test_arrays_that_torch_does_not_take(tmp_path):
    """Read-only memory, big-endian bytes, negative strides; no warning either, since warnings are errors here."""
    values = np.random.default_rng(0).normal(size=(6, 4))
    np.save(tmp_path / "x.npy", values.astype(">f8"))
    with h5py.File(tmp_path / "x.h5", "w") as file:
        dataset = file.create_dataset("x", data=values.astype(">f4"))
        mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
        for x in (mapped, dataset, values[::-1], np.broadcast_to(values[0], (6, 4))):
            whole = torch.cat(list(feature_chunks(x)), dim=1)
            np.testing.assert_array_equal(whole.numpy(), np.asarray(x[:]))
            whole += 1
    np.testing.assert_array_equal(mapped, values)


def test_a_part_of_a_tensor_is_a_view_without_gradient():
    x = torch.zeros(3, 4, requires_grad=True)
    part = rectangle(x, slice(0, 2))
    assert not part.requires_grad
    assert part.data_ptr() == x.data_ptr()
