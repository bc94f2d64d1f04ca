"""Statement 5: defences that are as robust as each other share only some of their invariances."""

from itertools import combinations

import pandas as pd

from stir_workflow.statements.pairs import alike, both, last_layer, mean, require
from stir_workflow.statements.verdict import Row, part

DEFENCES = ("at", "trades", "mart")
MODERATE = 0.9
"""What is more than moderate. Ours: the poster's AT networks that differ only in initial weights have 0.934 and 0.939."""
MOST_APART = 0.05
"""Robust accuracies may be this far from each other, for the robustness to count as similar."""


def defences(pairs: pd.DataFrame) -> list[Row]:
    """Judge statement 5 on the last layer, for each two of AT, TRADES and MART.

    Moderate is below 0.9 and, where the table has two AT models that differ in their training seed, below
    the STIR between these. A comparison of models that were attacked differently, or whose robust accuracies
    at the training ball lie more than 5 points apart, is flagged. The interval is over trainings from
    three of each kind on (two, where different kinds are compared), else over inversion seeds.

    Raises
    ------
    InvalidInputError
        If there are no models of two defences.
    """
    rows = alike(last_layer(pairs), ["architecture", "training_dataset", "n_train", "width"])
    seeds = both(rows, objective="at")
    found: list[Row] = []
    for first, second in combinations(DEFENCES, 2):
        if not (between := _between(rows, first, second)).empty:
            found += _of_two(first, second, between, seeds)
    require(pd.DataFrame(found), "models of two of the defences at, trades and mart")
    return found


def _between(rows: pd.DataFrame, first: str, second: str) -> pd.DataFrame:
    objectives = {first, second}
    apart = rows["reference_objective"] != rows["target_objective"]
    return rows[apart & rows["reference_objective"].isin(objectives) & rows["target_objective"].isin(objectives)]


def _of_two(first: str, second: str, between: pd.DataFrame, seeds: pd.DataFrame) -> list[Row]:
    flags = _unmet(between)
    moderate = part(
        f"{first}_{second}_moderate",
        f"STIR between {first} and {second}, mean of both directions, is below {MODERATE}.",
        between,
        lambda r: mean(r, "stir"),
        threshold=MODERATE,
        above=False,
        flags=flags,
    )
    if seeds.empty:
        return [moderate]
    below = part(
        f"{first}_{second}_below_seeds",
        f"STIR between {first} and {second} is lower than between two at models that differ in their training seed.",
        pd.concat([between, seeds]),
        lambda r: mean(both(r, objective="at"), "stir") - mean(_between(r, first, second), "stir"),
        flags=flags,
    )
    return [moderate, below]


def _unmet(between: pd.DataFrame) -> list[str]:
    """Return what makes two defences' robustness incomparable."""
    models = pd.concat(
        [
            between[[f"{side}_{what}" for what in ("attack_norm", "attack_eps", "robust_accuracy")]].set_axis(
                ["norm", "eps", "accuracy"], axis=1
            )
            for side in ("reference", "target")
        ]
    ).drop_duplicates()
    if len(models[["norm", "eps"]].drop_duplicates()) > 1:
        return ["the models' training balls differ"]
    apart = models["accuracy"].max() - models["accuracy"].min()
    if models["accuracy"].isna().any() or apart > MOST_APART + 1e-9:
        ball = f"{models['norm'].iloc[0]} eps {models['eps'].iloc[0]:g}"
        return [f"robust accuracies at {ball} lie {100 * apart:.1f} points apart, more than {100 * MOST_APART:g}"]
    return []
