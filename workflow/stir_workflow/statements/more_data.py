"""Statement 6: as training data are added, a network's successor shares more of its invariances, ever less more."""

import math
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise

import pandas as pd

from stir.errors import InvalidInputError
from stir_workflow.statements.estimate import Statistic
from stir_workflow.statements.pairs import alike, both, last_layer, mean
from stir_workflow.statements.verdict import Row, every, part

LEAST_SIZES = 4
"""Three steps from a size to the next, so two increments between them: the first and the last."""
Ends = Callable[[Sequence[float], int], tuple[float, float]]
"""(sizes, number) -> (size of the reference, size of the target)."""
SERIES: dict[str, tuple[str, Ends]] = {
    "next_given_size": ("STIR(next | size)", lambda sizes, i: (sizes[i], sizes[i + 1])),
    "size_given_next": ("STIR(size | next)", lambda sizes, i: (sizes[i + 1], sizes[i])),
    "full_given_size": ("STIR(full | size)", lambda sizes, i: (sizes[i], sizes[-1])),
    "size_given_full": ("STIR(size | full)", lambda sizes, i: (sizes[-1], sizes[i])),
}


def more_data(pairs: pd.DataFrame) -> list[Row]:
    """Judge statement 6 on the last layer, for each training objective.

    Each series must rise with every size (the smallest increment), and its last increment be
    smaller than its first. A model without ``n_train`` has the full set. The interval is over
    trainings from two of each size on, else over inversion seeds.

    Raises
    ------
    InvalidInputError
        If there are fewer than four training set sizes of an objective.
    """
    rows = last_layer(pairs).fillna({"reference_n_train": math.inf, "target_n_train": math.inf})
    rows = rows.astype({"reference_n_train": float, "target_n_train": float})
    rows = alike(rows, ["architecture", "objective", "training_dataset", "width"])
    objectives = list(rows["reference_objective"].unique())
    found = [row for objective in objectives for row in _of_objective(objective, both(rows, objective=objective))]
    if not found:
        raise InvalidInputError("Expected models that differ in n_train; got no pairs. Add them, or leave the statement out.")
    return found


def _of_objective(objective: str, rows: pd.DataFrame) -> list[Row]:
    sizes = sorted(rows["reference_n_train"].unique())
    if len(sizes) < LEAST_SIZES:
        known = [int(size) if math.isfinite(size) else "full" for size in sizes]
        raise InvalidInputError(
            f"Expected at least {LEAST_SIZES} sizes n_train of {objective} models; got {known}. "
            "Add sizes: with fewer there are no two increments to compare."
        )
    return [row for series in SERIES for row in _of_series(series, objective, rows, sizes)]


def _of_series(series: str, objective: str, rows: pd.DataFrame, sizes: Sequence[float]) -> list[Row]:
    name, ends = SERIES[series]
    steps = [ends(sizes, number) for number in range(len(sizes) - 1)]
    used = rows[[step in steps for step in zip(rows["reference_n_train"], rows["target_n_train"], strict=True)]]
    increments: list[Statistic] = [partial(_increment, before, after) for before, after in pairwise(steps)]
    first, last = increments[0], increments[-1]
    return [
        every(f"{series}_rises_{objective}", f"{name} of {objective} models rises with every size.", used, increments),
        part(
            f"{series}_diminishes_{objective}",
            f"{name} of {objective} models rises more at the first step than at the last.",
            used,
            lambda r: first(r) - last(r),
        ),
    ]


def _increment(before: tuple[float, float], after: tuple[float, float], rows: pd.DataFrame) -> float:
    return _at(after, rows) - _at(before, rows)


def _at(step: tuple[float, float], rows: pd.DataFrame) -> float:
    reference, target = step
    return mean(rows[(rows["reference_n_train"] == reference) & (rows["target_n_train"] == target)], "stir")
