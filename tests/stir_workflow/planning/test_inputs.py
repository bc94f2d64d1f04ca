"""Inputs of rules: a job waits for all of its inputs, and an existing artifact for none."""

from types import SimpleNamespace

import pytest

from stir_workflow.planning.inputs import Inputs
from stir_workflow.store.facts import STAGES


def asked(inputs, artifact):
    stage = artifact.recipe.stage
    return inputs.needed(stage, *STAGES[stage].inputs)(SimpleNamespace(key=artifact.key))


@pytest.fixture
def empty(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def make(artifact, folder):
    path = folder / artifact.path
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()


def test_what_is_missing_waits_for_its_inputs_by_role_and_for_their_seals(plan, empty):
    planned = plan()
    inputs = Inputs(planned, lambda: False)
    for artifact in planned.by_path.values():
        named = asked(inputs, artifact)
        assert {role: named[role] for role in artifact.inputs} == dict(artifact.inputs)
        assert named["seals"] == [f"{path}.json" for path in artifact.input_paths()]


def test_roles_without_inputs_are_named_too(plan, empty):
    """A rule's command names every role of its stage."""
    taken = {"name": "x", "architecture": "vgg6", "width": 1, "checkpoint": "a.pt", "sha256": "a" * 64}
    planned = plan({"models.0": taken})
    assert asked(Inputs(planned, lambda: False), planned.models[0].checkpoint) == {"dataset": [], "seals": []}


def test_what_is_there_waits_for_nothing_unless_it_is_forced(plan, empty):
    planned = plan()
    score = planned.references[0].score
    make(score, empty)
    assert asked(Inputs(planned, lambda: False), score) == {}
    assert asked(Inputs(planned, lambda: True), score)["iris"] == score.inputs["iris"]


def test_folders_are_held_before_anything_is_looked_for(plan, empty):
    held = []
    asked(Inputs(plan(), lambda: False, lambda: held.append(True)), plan().references[0].score)
    assert held == [True]


@pytest.mark.parametrize("stage", STAGES)
def test_a_rule_that_names_other_roles_is_refused(plan, stage):
    inputs = Inputs(plan(), lambda: False)
    with pytest.raises(ValueError, match=f"of stage '{stage}'"):
        inputs.needed(stage, *STAGES[stage].inputs, "another")
