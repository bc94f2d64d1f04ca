"""From an estimate to a verdict: one row for each part of a statement."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd

from stir.flags import OF_STIR, combined
from stir.standard_errors import LEVEL, NOTHING
from stir_workflow.statements.estimate import TRAINING, Estimate, Statistic, Unit, estimate

VERDICT_COLUMNS = [
    "statement",
    "part",
    "claim",
    "layer",
    "images_dataset",
    "value",
    "low",
    "high",
    "threshold",
    "n",
    "unit",
    "verdict",
    "flag",
    "flags",
]
HOLDS, FAILS, UNDECIDED = "holds", "fails", "undecided"
ALSO = "also_"
"""Begins the names of parts that the published table shows and the poster does not state; they decide nothing."""

Row = dict[str, Any]


def decide(low: float, high: float, threshold: float, *, above: bool = True, flag: str = "") -> str:
    """Return ``holds`` if the whole interval is on the claimed side, ``fails`` if on the other, else ``undecided``.

    An interval that is not a number, or any flag, leaves it undecided.
    """
    if flag or math.isnan(low) or math.isnan(high):
        return UNDECIDED
    over, under = low > threshold, high < threshold
    if not (over or under):
        return UNDECIDED
    return HOLDS if over == above else FAILS


def part(
    name: str,
    claim: str,
    rows: pd.DataFrame,
    statistic: Statistic,
    *,
    threshold: float = 0.0,
    above: bool = True,
    unit: Unit = TRAINING,
    of_inversions: bool = True,
    flags: Sequence[str] = (),
) -> Row:
    """Judge one part of a statement.

    Parameters
    ----------
    name : str
        What the part is called in tables.
    claim : str
        What is claimed, a sentence.
    rows : DataFrame
        The pairs that the statistic reads, and no others: their flags are the part's.
    statistic : callable
        Rows -> value.
    threshold : float
        What the value is compared with.
    above : bool
        Whether the claim is that the value is above it.
    unit : Unit
        What the interval is over, where there are enough of it.
    of_inversions : bool
        Whether the value depends on IRIs, so that inversions that did not converge matter.
    flags : sequence of str
        Preconditions that are not met.
    """
    found = estimate(rows, statistic, unit)
    flag = _flag([found], rows, flags, of_inversions=of_inversions)
    carried = combined(rows, without=frozenset() if of_inversions else frozenset(OF_STIR))
    return _row(name, claim, rows, [found], flag, threshold=threshold, above=above) | {"flags": carried}


def every(name: str, claim: str, rows: pd.DataFrame, statistics: Sequence[Statistic], *, unit: Unit = TRAINING) -> Row:
    """Judge whether every one of several differences is above 0: the value is the smallest.

    It holds if every interval is above 0; that needs no correction, since all must. It
    fails if one is below 0 at a level corrected for their number (Bonferroni).
    """
    found = [estimate(rows, statistic, unit) for statistic in statistics]
    flag = _flag(found, rows, (), of_inversions=True)
    return _row(name, claim, rows, found, flag, threshold=0.0, above=True) | {"flags": combined(rows)}


def _row(
    name: str, claim: str, rows: pd.DataFrame, found: Sequence[Estimate], flag: str, *, threshold: float, above: bool
) -> Row:
    values = [each.value for each in found]
    lows = [each.interval()[0] for each in found]
    highs = [each.interval(1 - (1 - LEVEL) / len(found))[1] for each in found]
    value, low, high = (min(numbers) if all(map(math.isfinite, numbers)) else math.nan for numbers in (values, lows, highs))
    if flag:
        low = high = math.nan
    layers, labels = rows["layer_name"].unique(), rows["images_dataset"].unique()
    return {
        "part": name,
        "claim": claim,
        "layer": " to ".join([layers[0], layers[-1]]) if len(layers) > 1 else layers[0],
        "images_dataset": labels[0],
        "value": value,
        "low": low,
        "high": high,
        "threshold": threshold,
        "n": min(each.n for each in found),
        "unit": found[0].unit,
        "verdict": decide(low, high, threshold, above=above, flag=flag),
        "flag": flag,
    }


def _flag(found: Sequence[Estimate], rows: pd.DataFrame, flags: Iterable[str], *, of_inversions: bool) -> str:
    """Join what speaks against a part: unmet preconditions, models, inversions, scores that are no numbers."""
    against = [*flags, *rows["reference_model_flag"], *rows["target_model_flag"]]
    if of_inversions:
        against += list(rows["inversion_flag"])
    if any(math.isnan(each.value) for each in found):
        against.append("a score is not a number")
    elif any(each.unit == NOTHING for each in found):
        against.append("one training and one inversion seed: no interval")
    return "; ".join(dict.fromkeys(filter(None, against)))


def overall(verdicts: pd.DataFrame) -> str:
    """Return the verdict on a whole statement: it holds if every part does, fails if one fails.

    Parameters
    ----------
    verdicts : DataFrame
        Rows of one statement.
    """
    stated = list(verdicts["verdict"][~verdicts["part"].str.startswith(ALSO)])
    if FAILS in stated:
        return FAILS
    return HOLDS if stated and set(stated) == {HOLDS} else UNDECIDED
