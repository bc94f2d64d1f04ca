"""Statement 3: between networks trained on different datasets, shared invariance drops for later layers."""

import pandas as pd

from stir_workflow.statements.pairs import alike, both, mean, require
from stir_workflow.statements.verdict import Row, part


def drop(rows: pd.DataFrame, score: str) -> float:
    """Return the mean score at the first layer less that at the last."""
    first, last = rows["layer"].min(), rows["layer"].max()
    return mean(rows[rows["layer"] == first], score) - mean(rows[rows["layer"] == last], score)


def training_datasets(pairs: pd.DataFrame) -> list[Row]:
    """Judge statement 3 on pairs whose training datasets differ, and nothing else but the seed.

    The interval is over trainings from two of each kind on, else over inversion seeds.

    Raises
    ------
    InvalidInputError
        If there are no such pairs of AT or of vanilla models, or only one layer.
    """
    rows = pairs[pairs["reference_training_dataset"] != pairs["target_training_dataset"]]
    rows = alike(rows, ["architecture", "objective", "width"])
    ends = rows[rows["layer"].isin([pairs["layer"].min(), pairs["layer"].max()])]
    require(ends[ends["layer"] > pairs["layer"].min()], "two models of different training datasets, and two layers")
    by_objective = {
        objective: require(both(ends, objective=objective), f"two {objective} models of different training datasets")
        for objective in ("vanilla", "at")
    }
    less = part(
        "at_drops_less",
        "STIR of AT pairs drops less from the first layer to the last than STIR of vanilla pairs.",
        pd.concat(by_objective.values()),
        lambda r: drop(both(r, objective="vanilla"), "stir") - drop(both(r, objective="at"), "stir"),
    )
    return [*(row for objective, ends in by_objective.items() for row in _of_objective(objective, ends)), less]


def _of_objective(objective: str, rows: pd.DataFrame) -> list[Row]:
    return [
        part(
            f"stir_drops_{objective}",
            f"STIR of {objective} pairs drops from the first layer to the last.",
            rows,
            lambda r: drop(r, "stir"),
        ),
        part(
            f"stir_drops_more_than_cka_{objective}",
            f"STIR of {objective} pairs drops more from the first layer to the last than CKA.",
            rows,
            lambda r: drop(r, "stir") - drop(r, "similarity"),
        ),
    ]
