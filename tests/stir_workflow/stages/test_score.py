"""The score of the converged images alone."""

import math
import os

import pytest
import torch

from stir.controls.or_nan import stir_of_converged
from stir.errors import ArtifactError
from stir.similarity import linear_cka
from stir_workflow.stages.cached import opened_representations
from stir_workflow.stages.matches import read_matches
from stir_workflow.stages.score import ceiling_of
from stir_workflow.store.artifacts import seal_path
from tests.stir_workflow.sealed import flip_a_bit, seal_one


@pytest.fixture
def pair(generator):
    return torch.randn(2, 12, 5, generator=generator)


def test_it_is_the_score_of_those_rows(pair):
    converged = torch.arange(12) % 3 > 0
    some = pair[:, [1, 2, 4, 5, 7, 8, 10, 11]]
    assert stir_of_converged("linear_cka", *pair, converged, 7.0) == linear_cka(*some) != linear_cka(*pair)


def test_it_is_that_of_all_where_all_converged_and_none_where_too_few_did(pair):
    assert stir_of_converged("linear_cka", *pair, torch.ones(12, dtype=torch.bool), 7.0) == 7.0
    assert math.isnan(stir_of_converged("linear_cka", *pair, torch.arange(12) < 2, 7.0))
    assert math.isnan(stir_of_converged("linear_cka_debiased", *pair, torch.arange(12) < 3, 7.0))
    assert math.isnan(stir_of_converged("linear_cka", *pair, None, 7.0)), "nothing was inverted"


def _open(path):
    with opened_representations(path):
        pass


def _in_place_of(path, make):
    path.unlink()
    make(path)


@pytest.mark.parametrize(
    "harm",
    [
        lambda path: path.write_bytes(path.read_bytes()[:-9]),
        flip_a_bit,
        lambda path: seal_path(path).unlink(),
        lambda path: _in_place_of(path, os.mkfifo),
        lambda path: _in_place_of(path, lambda place: place.symlink_to("/dev/zero")),
    ],
)
@pytest.mark.parametrize("read", [lambda path: read_matches([path]), _open])
def test_no_file_is_opened_before_its_seal_was_checked(tmp_path, monkeypatch, harm, read):
    """HDF5 would say of a file that was cut what nobody understands, and wait for a FIFO."""
    path = seal_one(tmp_path)
    monkeypatch.setattr("h5py.File", lambda *_, **__: pytest.fail("it was opened"))
    harm(path)
    with pytest.raises(ArtifactError, match="make it"):
        read(path)


def test_the_ceiling_is_the_lowest_of_an_ensembles_models_and_unknown_where_one_is():
    assert ceiling_of([0.99, 0.9]) == 0.9
    assert ceiling_of([]) == 1.0
    assert all(math.isnan(ceiling_of(own)) for own in ([math.nan, 0.9], [0.9, math.nan]))
