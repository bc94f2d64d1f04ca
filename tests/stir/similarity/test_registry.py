"""Similarity measures by name, and checks of their declared properties."""

import math

import pytest
import torch

from stir import similarity
from stir.errors import InvalidInputError
from stir.similarity import (
    POINTWISE_MEASURES,
    SIMILARITY_MEASURES,
    SimilarityMeasure,
    get_similarity_measure,
    linear_cka,
    pnka,
    register_similarity_measure,
    rsa,
)
from tests.stir.similarity.cases import related_pair, rotation

NAMES = pytest.mark.parametrize("name", SIMILARITY_MEASURES)


@pytest.fixture
def pair():
    return related_pair(300, 9, 12)


@NAMES
def test_rotation_changes_nothing_where_so_declared_and_something_elsewhere(name, pair):
    measure, (x, y) = get_similarity_measure(name), pair
    turned = measure(x @ rotation(9), y) - measure(x, y), measure(x, y @ rotation(12)) - measure(x, y)
    if measure.rotation_invariant:
        assert turned == pytest.approx((0, 0), abs=1e-10)
    else:
        assert max(map(abs, turned)) > 0.001


@NAMES
def test_features_in_another_orthonormal_basis_of_their_span_do_where_rotation_does(name, pair):
    """A joint basis has more features or fewer: here 4 of 9 directions are empty."""
    measure, (x, y) = get_similarity_measure(name), pair
    flat = x[:, :5] @ rotation(9)[:5]
    if measure.rotation_invariant:
        assert measure(flat, y) == pytest.approx(measure(x[:, :5], y), abs=1e-10)


@NAMES
def test_order_matters_as_declared(name, pair):
    measure, (x, y) = get_similarity_measure(name), pair
    if measure.symmetric:
        assert measure(x, y) == pytest.approx(measure(y, x), abs=1e-12)
    else:
        assert abs(measure(x, y) - measure(y, x)) > 0.005


@NAMES
def test_the_least_number_of_images_is_the_least(name):
    measure = get_similarity_measure(name)
    d = 4 if name in {"rsa_spearman", "rsa_pearson"} else 1
    x, y = torch.randn(2, measure.least_n, d, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert math.isfinite(measure(x, y))
    with pytest.raises(InvalidInputError, match=rf"at least {measure.least_n}.*; got {measure.least_n - 1}"):
        measure(x[1:], y[1:])


@NAMES
def test_two_images_are_always_too_few(name):
    with pytest.raises(InvalidInputError):
        get_similarity_measure(name)(*torch.randn(2, 2, 4, generator=torch.Generator().manual_seed(0)))


@NAMES
def test_the_function_of_every_measure_is_public(name):
    function = get_similarity_measure(name).compute
    assert getattr(function, "func", function).__name__ in similarity.__all__, "registry.py: __all__"


def test_names_stand_for_variants(pair):
    for name, debiased in (("linear_cka", False), ("linear_cka_debiased", True)):
        assert get_similarity_measure(name)(*pair) == linear_cka(*pair, debiased=debiased)
    for comparison in ("spearman", "pearson"):
        assert get_similarity_measure(f"rsa_{comparison}")(*pair) == rsa(*pair, comparison=comparison)
        assert get_similarity_measure(f"rsa_{comparison}_euclidean")(*pair) == rsa(
            *pair, comparison=comparison, dissimilarity="euclidean"
        )
    faint = pair[0] * torch.tensor([1, 1, 1, 1, 1, 1, 1, 1, 0.01])
    values = [get_similarity_measure(name)(faint, pair[1]) for name in SIMILARITY_MEASURES if name != "minibatch_cka"]
    assert len(set(values)) == len(values)


def test_pointwise_measures_have_a_value_for_every_image(pair):
    assert list(POINTWISE_MEASURES) == ["pnka"]
    values = POINTWISE_MEASURES["pnka"](*pair)
    assert torch.equal(values, pnka(*pair))
    assert values.shape == (300,)
    assert get_similarity_measure("mean_pnka")(*pair) == pytest.approx(values.mean().item(), abs=1e-12)


def test_an_unknown_name_is_refused_with_near_matches():
    with pytest.raises(
        InvalidInputError, match=r"similarity measure 'linear_ckaa'\. Did you mean 'linear_cka' or 'linear_cka_deb"
    ):
        get_similarity_measure("linear_ckaa")


def test_of_a_function_of_ones_own_nothing_is_assumed(monkeypatch, pair):
    monkeypatch.setattr("stir.similarity.registry.SIMILARITY_MEASURES", dict(SIMILARITY_MEASURES))
    register_similarity_measure("half", lambda x, y: 0.5)
    measure = get_similarity_measure("half")
    assert measure(*pair) == 0.5
    assert (measure.rotation_invariant, measure.symmetric, measure.least_n) == (False, False, 1)


def test_a_measure_of_ones_own_keeps_what_it_declares(monkeypatch):
    monkeypatch.setattr("stir.similarity.registry.SIMILARITY_MEASURES", dict(SIMILARITY_MEASURES))
    measure = SimilarityMeasure(lambda x, y: 0.5, rotation_invariant=True, symmetric=True, least_n=7)
    register_similarity_measure("half", measure)
    assert get_similarity_measure("half") is measure


def test_a_name_keeps_its_meaning():
    before = SIMILARITY_MEASURES["linear_cka"]
    with pytest.raises(InvalidInputError, match=r"'linear_cka' exists already\. Choose another name"):
        register_similarity_measure("linear_cka", lambda x, y: 0.5)
    assert SIMILARITY_MEASURES["linear_cka"] is before


def test_a_part_of_a_name_suggests_the_names_that_contain_it():
    with pytest.raises(InvalidInputError, match=r"'cka'\. Did you mean 'linear_cka' or"):
        get_similarity_measure("cka")
    with pytest.raises(InvalidInputError, match=r"'RSA'\. Did you mean 'rsa_spearman' or"):
        get_similarity_measure("RSA")
