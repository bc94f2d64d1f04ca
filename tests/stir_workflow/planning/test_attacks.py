"""An attack whose ball contains every image is a mistake, usually a missing division by 255."""

import pytest

from tests.experiment_files import edited

LINF = {"norm": "linf", "eps": 8 / 255, "steps": 5, "step_size": 2 / 255}
L2 = {"norm": "l2", "eps": 1.0, "steps": 5, "step_size": 0.4}
SLIPS = [
    (
        LINF | {"eps": 8},
        r"eps: expected less than 1, from black to white, in \[0, 1\] pixel units; got 8\. Did you mean 8/255 = 0\.0314\?",
    ),
    (LINF | {"eps": 1.0}, r"eps: expected less than 1, .*; got 1\."),
    (L2 | {"eps": 8.0}, r"eps: expected less than 8, the distance from a black to a white image of 64 values, .*; got 8\."),
    (L2 | {"eps": 128}, r"got 128\. Did you mean 128/255 = 0\.5020\?"),
    (LINF | {"step_size": 2}, r"step_size: expected at most 2 eps = 0\.06275, .*; got 2\. Did you mean 2/255 = 0\.0078\?"),
]
PLACES = ["evaluation", "training.1.attack", "training.0.monitor.attack"]


@pytest.mark.parametrize(("attack", "message"), SLIPS, ids=[message for _, message in SLIPS])
def test_sizes_that_cannot_be_meant_are_refused_with_what_may_be(quickstart, refusal, attack, message):
    import re

    for place in PLACES:
        (line,) = refusal(edited(quickstart, {place: attack}))
        assert line.startswith(re.sub(r"\.(\d)", r"[\1]", place) + ".")
        assert re.search(message, line), line


def test_one_of_several_evaluations_is_named_by_its_number(quickstart, refusal):
    (line,) = refusal(edited(quickstart, {"evaluation": [L2, LINF | {"eps": 8}]}))
    assert line.startswith("evaluation[1].eps: ")


@pytest.mark.parametrize("attack", [LINF, L2, LINF | {"step_size": 16 / 255}, L2 | {"eps": 7.9}, L2 | {"step_size": 1.25}])
def test_sizes_that_are_used_are_accepted(quickstart, load, attack):
    for place in PLACES:
        load(edited(quickstart, {place: attack}))
