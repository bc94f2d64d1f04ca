"""Inputs of rules: a job waits for all of its inputs, and an existing artifact for none."""

from types import SimpleNamespace

import pytest

from stir_workflow.planning.artifact import Artifacts
from stir_workflow.planning.inputs import Inputs
from stir_workflow.store.facts import STAGES

FEWER = {"layers": ["stage3"], "compute.inversions_per_job": 1}


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
        made_by_rules = {role: [planned.maker(path) for path in paths] for role, paths in artifact.inputs.items()}
        assert {role: named[role] for role in artifact.inputs} == {
            role: list(dict.fromkeys(paths)) for role, paths in made_by_rules.items()
        }
        assert named["seals"] == [f"{path}.json" for role in named if role != "seals" for path in named[role]]


def test_a_job_with_iris_waits_for_the_indexes_that_list_them(plan, empty):
    planned = plan({"compute.inversions_per_job": 3})
    reference = planned.references[0]
    indexes = [inversion.path for inversion in reference.inversions]
    assert len(indexes) == 2
    assert asked(Inputs(planned, lambda: False), reference.score)["iris"] == indexes


def test_no_two_jobs_make_one_file_at_once(plan, empty):
    """Two experiments that cut their inversions into jobs differently share IRIs."""
    both = Artifacts([*plan({"compute.inversions_per_job": 4}).by_path.values(), *plan(FEWER).by_path.values()])
    first, later = (plan(changes).references[0] for changes in ({}, FEWER))
    inputs = Inputs(both, lambda: False)
    assert asked(inputs, first.inversions[0])["shared"] == []
    assert asked(inputs, later.inversions[0])["shared"] == [first.inversions[0].path]
    assert asked(inputs, later.score)["iris"] == [first.inversions[0].path], "which makes them"


def test_roles_without_inputs_are_named_too(plan, empty):
    """A rule's command names every role of its stage."""
    taken = {"name": "x", "architecture": "vgg6", "width": 1, "checkpoint": "a.pt", "sha256": "a" * 64}
    planned = plan({"models.0": taken})
    assert asked(Inputs(planned, lambda: False), planned.models[0].checkpoint) == {"dataset": [], "shared": [], "seals": []}


def test_what_is_there_waits_for_nothing_unless_it_is_forced(plan, empty):
    planned = plan()
    score = planned.references[0].score
    make(score, empty)
    assert asked(Inputs(planned, lambda: False), score) == {}
    assert asked(Inputs(planned, lambda: True), score)["iris"] == [planned.references[0].inversions[0].path]


def test_folders_are_held_before_anything_is_looked_for(plan, empty):
    held = []
    asked(Inputs(plan(), lambda: False, lambda: held.append(True)), plan().references[0].score)
    assert held == [True]


@pytest.mark.parametrize("stage", STAGES)
def test_a_rule_that_names_other_roles_is_refused(plan, stage):
    inputs = Inputs(plan(), lambda: False)
    with pytest.raises(ValueError, match=f"of stage '{stage}'"):
        inputs.needed(stage, *STAGES[stage].inputs, "another")
