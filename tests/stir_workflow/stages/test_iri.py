"""Stage iri hands every setting of its recipe to the inversion, and refuses one that the inversion does not have."""

from contextlib import nullcontext
from dataclasses import asdict, fields
from unittest.mock import Mock

import pytest

from stir.errors import InvalidInputError
from stir.inversion import InversionSettings
from stir.layers import LayerSpec
from stir_workflow.planning.settings import FIXED_IN_INVERSIONS
from stir_workflow.stages import iri
from stir_workflow.stages.job import Job
from stir_workflow.store.facts import STAGES
from stir_workflow.store.identity import Recipe
from tests.stir.inversion.test_settings import BEFORE, OTHER_VALUES

OF_THE_JOB = {"layer": "stage1", "random_seed": 3, "n_images": 12, "threads": 1}
OTHER = {name: value for name, value in (OTHER_VALUES | BEFORE).items() if name not in FIXED_IN_INVERSIONS}
"""Another value than the default of every setting that experiments can choose."""


@pytest.fixture
def asked_for(monkeypatch, tmp_path):
    """Return a function settings of a recipe -> arguments of `invert`."""
    invert = Mock(side_effect=InterruptedError)
    monkeypatch.setattr("stir.inversion.invert", invert)
    monkeypatch.setattr("stir_workflow.stages.iri.network_of", Mock())
    monkeypatch.setattr("stir_workflow.stages.images.opened_images", lambda *_, **__: nullcontext(("images", "labels")))

    def asked(settings):
        recipe = Recipe("iri", STAGES["iri"].version, OF_THE_JOB | settings, {"checkpoint": "a" * 16, "dataset": "b" * 16})
        inputs = {"checkpoint": [tmp_path / "a.safetensors"], "dataset": [tmp_path / "b.h5"]}
        with pytest.raises(InterruptedError):
            iri.make(Job(recipe, tmp_path / f"x-{recipe.key}.h5", inputs, "cpu"))
        return invert.call_args.kwargs

    return asked


def test_every_setting_that_an_experiment_can_choose_reaches_the_inversion(asked_for):
    assert set(OTHER) == {field.name for field in fields(InversionSettings)} - set(FIXED_IN_INVERSIONS)
    assert all(OTHER[name] != value for name, value in asdict(InversionSettings()).items() if name in OTHER)
    arguments = asked_for(OTHER)
    assert arguments["settings"] == InversionSettings(**OTHER)
    assert (arguments["layer"], arguments["random_seed"], arguments["labels"]) == (LayerSpec("stage1"), 3, "labels")


def test_selector_and_pooling_reach_the_inversion_with_the_layer(asked_for):
    arguments = asked_for(OTHER | {"select": "[0]", "pooling": "global_average"})
    assert arguments["layer"] == LayerSpec("stage1", "[0]", "global_average")


def test_a_setting_that_inversions_do_not_have_is_refused(asked_for):
    with pytest.raises(InvalidInputError, match=r"Unknown inversion setting 'last_relu'\. Did you mean 'fake_last_relu'"):
        asked_for({"last_relu": "true"})
