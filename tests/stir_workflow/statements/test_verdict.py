"""A verdict follows from the interval, and any flag leaves it undecided."""

import math

import pandas as pd
import pytest

from stir_workflow.statements.verdict import decide, overall


@pytest.mark.parametrize(
    ("low", "high", "above", "expected"),
    [
        (0.1, 0.3, True, "holds"),
        (-0.3, -0.1, True, "fails"),
        (-0.1, 0.1, True, "undecided"),
        (0.0, 0.1, True, "undecided"),
        (0.1, 0.3, False, "fails"),
        (-0.3, -0.1, False, "holds"),
        (-0.1, 0.1, False, "undecided"),
        (math.nan, math.nan, True, "undecided"),
        (0.1, math.nan, True, "undecided"),
        (math.nan, -0.1, True, "undecided"),
    ],
)
def test_only_an_interval_on_one_side_decides(low, high, above, expected):
    assert decide(low, high, 0.0, above=above) == expected


def test_a_flag_leaves_it_undecided():
    assert decide(0.1, 0.3, 0.0, flag="robust accuracies lie apart") == "undecided"


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ({"a": "holds", "b": "holds"}, "holds"),
        ({"a": "holds", "b": "undecided"}, "undecided"),
        ({"a": "undecided", "b": "fails"}, "fails"),
        ({"a": "holds", "also_b": "fails"}, "holds"),
        ({"also_b": "holds"}, "undecided"),
        ({}, "undecided"),
    ],
)
def test_a_statement_holds_if_all_that_it_states_does(parts, expected):
    table = pd.DataFrame({"part": list(parts), "verdict": list(parts.values())}, dtype="str")
    assert overall(table) == expected
