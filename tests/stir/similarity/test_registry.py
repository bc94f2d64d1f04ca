"""Similarity measures by name."""

import pytest
import torch

from stir.errors import InvalidInputError
from stir.similarity import SIMILARITY_MEASURES, get_similarity_measure, linear_cka, register_similarity_measure


@pytest.fixture
def pair(generator):
    return torch.randn(30, 20, generator=generator), torch.randn(30, 20, generator=generator)


def test_names_stand_for_the_biased_and_the_debiased_estimate(pair):
    assert get_similarity_measure("linear_cka")(*pair) == linear_cka(*pair)
    assert get_similarity_measure("linear_cka_debiased")(*pair) == linear_cka(*pair, debiased=True)
    assert linear_cka(*pair) - linear_cka(*pair, debiased=True) > 0.2


def test_every_measure_finds_a_representation_wholly_similar_to_itself(pair):
    for name in SIMILARITY_MEASURES:
        assert get_similarity_measure(name)(pair[0], pair[0]) == pytest.approx(1, abs=1e-9)


def test_an_unknown_name_is_refused_with_near_matches():
    with pytest.raises(
        InvalidInputError, match=r"similarity measure 'linear_ckaa'\. Did you mean 'linear_cka' or 'linear_cka_deb"
    ):
        get_similarity_measure("linear_ckaa")


def test_a_measure_of_ones_own(monkeypatch, pair):
    monkeypatch.setattr("stir.similarity.registry.SIMILARITY_MEASURES", dict(SIMILARITY_MEASURES))
    register_similarity_measure("half", lambda x, y: 0.5)
    assert get_similarity_measure("half")(*pair) == 0.5


def test_a_name_keeps_its_meaning():
    with pytest.raises(InvalidInputError, match=r"'linear_cka' exists already\. Choose another name"):
        register_similarity_measure("linear_cka", lambda x, y: 0.5)
    assert SIMILARITY_MEASURES["linear_cka"] is linear_cka
