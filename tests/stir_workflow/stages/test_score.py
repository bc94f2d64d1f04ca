"""The score of the converged images alone."""

import math
import os

import numpy as np
import pytest
import torch

from stir.errors import ArtifactError
from stir.score import score
from stir_workflow.stages.matches import read_matches
from stir_workflow.stages.score import Cached, _stir_of_converged
from stir_workflow.store.artifacts import seal_path
from tests.stir_workflow.sealed import flip_a_bit, seal_one

ROLES = ("reference_of_reference", "target_of_reference", "target_of_iri")


@pytest.fixture
def arrays(generator):
    return {role: torch.randn(12, 5, generator=generator) for role in ROLES}


def test_it_is_the_score_of_those_rows(arrays):
    converged = np.arange(12) % 3 > 0
    some = {role: array[[1, 2, 4, 5, 7, 8, 10, 11]] for role, array in arrays.items()}
    found = _stir_of_converged(arrays, converged, "linear_cka", 7.0)
    assert found == score(**some, similarity_measure="linear_cka").stir
    assert found != score(**arrays, similarity_measure="linear_cka").stir


def test_it_is_that_of_all_where_all_converged_and_none_where_too_few_did(arrays):
    assert _stir_of_converged(arrays, np.ones(12, dtype=bool), "linear_cka", 7.0) == 7.0
    assert math.isnan(_stir_of_converged(arrays, np.arange(12) < 2, "linear_cka", 7.0))
    assert math.isnan(_stir_of_converged(arrays, np.arange(12) < 3, "linear_cka_debiased", 7.0))


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
@pytest.mark.parametrize("read", [lambda path: read_matches([path]), lambda path: Cached(path, ["layer/reference_images"])])
def test_no_file_is_opened_before_its_seal_was_checked(tmp_path, monkeypatch, harm, read):
    """HDF5 would say of a file that was cut what nobody understands, and wait for a FIFO."""
    path = seal_one(tmp_path)
    monkeypatch.setattr("h5py.File", lambda *_, **__: pytest.fail("it was opened"))
    harm(path)
    with pytest.raises(ArtifactError, match="make it"):
        read(path)
