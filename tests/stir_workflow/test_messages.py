"""Errors are printed in one message, which begins with what was being made."""

from pathlib import Path

import pytest

from stir.errors import StirError
from stir_workflow.messages import naming, plain_errors
from stir_workflow.stages.job import Job
from stir_workflow.store.identity import Recipe


def test_the_innermost_name_precedes_the_message(capsys):
    with pytest.raises(SystemExit) as ended, plain_errors(), naming("inversion m"), naming("iri m/layer4"):
        raise StirError("Expected a layer; got none.\nName one\x1b.")
    assert ended.value.code == 1
    assert capsys.readouterr().err == "error: iri m/layer4: Expected a layer; got none.\nName one\\x1b.\n"


def test_other_errors_are_not_caught():
    with pytest.raises(KeyError), plain_errors(), naming("m"):
        raise KeyError("a fault of ours")


@pytest.mark.parametrize(
    ("stage", "place", "title"),
    [
        ("iri", "results/iris/vgg6-0/layer4.lbfgs.0-{}.h5", "iri vgg6-0/layer4.lbfgs.0"),
        ("pair", "results/representations/a/b.lbfgs-{}.h5", "pair a/b.lbfgs"),
        ("checkpoint", "results/checkpoints/digits-vgg6-0-{}.safetensors", "checkpoint digits-vgg6-0"),
    ],
)
def test_a_job_is_called_by_its_stage_and_the_model_and_layer_in_its_name(stage, place, title):
    recipe = Recipe(stage, 1, {})
    assert Job(recipe, Path(place.format(recipe.key))).title == title
