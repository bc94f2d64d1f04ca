"""The score compares m2(X) with m2(X'), the plain similarity m1(X) with m2(X)."""

import pytest
import torch

from stir.errors import InvalidInputError
from stir.score import score
from stir.similarity import linear_cka


@pytest.fixture
def represented(generator):
    """Three representations, and their similarities are all different."""
    m1_x = torch.randn(40, 6, generator=generator)
    m2_x = m1_x @ torch.randn(6, 9, generator=generator) + torch.randn(40, 9, generator=generator)
    m2_iri = m2_x + 3 * torch.randn(40, 9, generator=generator)
    return {"reference_of_reference": m1_x, "target_of_reference": m2_x, "target_of_iri": m2_iri}


@pytest.mark.parametrize(("name", "debiased"), [("linear_cka", False), ("linear_cka_debiased", True)])
def test_which_representations_are_compared(represented, name, debiased):
    scored = score(**represented, similarity_measure=name)
    m1_x, m2_x, m2_iri = represented.values()
    assert scored.stir == linear_cka(m2_x, m2_iri, debiased=debiased)
    assert scored.similarity == linear_cka(m1_x, m2_x, debiased=debiased)
    assert abs(scored.stir - scored.similarity) > 0.1


def test_iris_that_the_target_cannot_tell_from_the_images_score_one(represented):
    assert score(**represented | {"target_of_iri": represented["target_of_reference"]}).stir == pytest.approx(1, abs=1e-12)


def test_arguments_are_keywords(represented):
    with pytest.raises(TypeError):
        score(*represented.values())


def test_an_unknown_measure_is_refused_with_near_matches(represented):
    with pytest.raises(InvalidInputError, match=r"'linear_cca'\. Did you mean 'linear_cka'"):
        score(**represented, similarity_measure="linear_cca")


def test_other_numbers_of_images_are_refused(represented):
    with pytest.raises(InvalidInputError, match=r"\(40, 9\).*\(39, 9\)"):
        score(**represented | {"target_of_iri": represented["target_of_iri"][1:]})
