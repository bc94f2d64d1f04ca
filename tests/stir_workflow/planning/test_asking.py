"""What rules ask the plan by the key of an artifact."""

from types import SimpleNamespace

import pytest

from stir_workflow.running.asking import Asking
from stir_workflow.store.facts import STAGES


@pytest.mark.parametrize(("size", "counts"), [(1, [1, 1, 1, 1]), (3, [3, 1])])
def test_a_job_of_several_inversions_asks_for_the_time_of_all(plan, size, counts):
    planned = plan({"compute.inversions_per_job": size})
    ask = Asking(planned).minutes("inversion")
    asked = [ask(SimpleNamespace(key=inversion.key), attempt=2) for inversion in planned.references[0].inversions]
    assert asked == [2 * STAGES["inversion"].minutes * count for count in counts]


def test_other_jobs_ask_for_the_time_of_their_stage(plan):
    planned = plan()
    asked = Asking(planned).minutes("representation")(SimpleNamespace(key=planned.references[0].representation.key), attempt=3)
    assert asked == 3 * STAGES["representation"].minutes


def test_commands_name_the_iris_themselves(plan):
    planned = plan()
    reference = planned.references[0]
    for artifact in (reference.score, reference.representation):
        named = Asking(planned).paths(artifact.recipe.stage, "iris")(SimpleNamespace(key=artifact.key))
        assert named == [iri.path for iri in reference.iris]
