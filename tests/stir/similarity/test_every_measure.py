"""Common properties of all measures except linear CKA."""

import h5py
import pytest
import torch

from stir.errors import ConstantFeaturesError, InvalidInputError
from stir.similarity import SIMILARITY_MEASURES
from tests.stir.similarity.cases import WRONG, related_pair, shuffled

NAMES = [name for name in SIMILARITY_MEASURES if name not in {"linear_cka", "linear_cka_debiased", "minibatch_cka"}]
MEASURES = pytest.mark.parametrize("measure", [SIMILARITY_MEASURES[name] for name in NAMES], ids=NAMES)
OFFSETS = [name for name in NAMES if name not in {"rsa_spearman", "rsa_pearson"}]


@pytest.fixture
def pair():
    return related_pair(60, 9, 12)


@MEASURES
def test_a_representation_is_wholly_similar_to_itself(measure, pair):
    for x in pair:
        assert measure(x, x) == pytest.approx(1, abs=1e-12)


@MEASURES
def test_related_representations_are_similar_in_part(measure, pair):
    assert 0.1 < measure(*pair) < 0.9


@MEASURES
@pytest.mark.parametrize("scale", [3.0, 1e-20, 1e40])
def test_a_scale_changes_nothing(measure, pair, scale):
    x, y = pair
    assert measure(scale * x, y) == pytest.approx(measure(x, y), abs=1e-10)
    assert measure(x, scale * y) == pytest.approx(measure(x, y), abs=1e-10)


@pytest.mark.parametrize("name", OFFSETS)
def test_an_offset_changes_nothing(name, pair):
    measure, (x, y) = SIMILARITY_MEASURES[name], pair
    assert measure(x + torch.linspace(-9, 9, 9), y - 7) == pytest.approx(measure(x, y), abs=1e-10)


@MEASURES
def test_the_order_of_images_matters_only_between_the_two(measure, pair):
    (x, y), order = pair, shuffled(60)
    assert measure(x[order], y[order]) == pytest.approx(measure(x, y), abs=1e-11)
    assert measure(x[order], y) < measure(x, y) - 0.05


@pytest.mark.parametrize("name", OFFSETS)
def test_large_means_cost_no_precision_in_float32(name):
    """Means are 1,000 times the spread."""
    x, y = related_pair(60, 9, 12)
    x, y = (x / x.std() + 1000).float(), (y / y.std() - 1000).float()
    expected = SIMILARITY_MEASURES[name](x.double() - 1000, y.double() + 1000)
    assert SIMILARITY_MEASURES[name](x, y) == pytest.approx(expected, abs=1e-6)


@MEASURES
def test_the_type_of_the_features_is_theirs(measure, pair):
    x, y = pair[0].half(), pair[1].float()
    assert measure(x, y) == pytest.approx(measure(x.double(), y.double()), abs=1e-9)


@MEASURES
def test_arrays_on_disk_and_in_numpy_give_the_same(measure, tmp_path, pair, monkeypatch):
    monkeypatch.setattr("stir.similarity.chunks.CHUNK_BYTES", 8 * 60 * 4)
    monkeypatch.setattr("stir.similarity.chunks.LEAST_LENGTH", 2)
    monkeypatch.setattr("stir.similarity.chunks.CACHED_BYTES", 2)
    x, y = pair
    with h5py.File(tmp_path / "x.h5", "w") as file:
        stored = file.create_dataset("x", data=x.numpy())
        assert measure(stored, y.numpy()) == pytest.approx(measure(x, y), abs=1e-12)


@MEASURES
def test_the_arguments_are_not_changed(measure, pair):
    before = [z.clone() for z in pair]
    measure(*pair)
    assert all(map(torch.equal, pair, before))


@MEASURES
@WRONG
def test_what_cannot_be_compared_is_refused_by_name(measure, change, message):
    x, y = (10 * z for z in related_pair(30, 5, 5))
    for arguments, name in (((change(x), y), "x"), ((x, change(y)), "y")):
        with pytest.raises(InvalidInputError, match=message.format(name, name)) as caught:
            measure(*arguments)
        assert isinstance(caught.value, ConstantFeaturesError) == ("choose another layer" in message)


@MEASURES
def test_other_numbers_of_images_are_refused_with_both_shapes(measure, pair):
    with pytest.raises(InvalidInputError, match=r"equal n; got x \(60, 9\) and y \(59, 12\)\. Extract both from the same"):
        measure(pair[0], pair[1][:-1])
