"""A number with its standard error, over the unit that is honestly independent.

A statistic of pairs of models is no mean of independent values: pairs share models. So the
unit is the training where there are several: the delete-one jackknife over models
of each recipe, which keeps the pairs of a model together (Arvesen 1969, *Jackknifing U-statistics*)
and errs on the wide side. Where leaving a model out leaves nothing to compare, the
unit is the inversion's random seed, paired across all models: such an interval says how
well these very networks were measured, and nothing of other trainings.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import stdtrit

Statistic = Callable[[pd.DataFrame], float]
TRAININGS, ARCHITECTURES, SEEDS, PUBLISHED = "trainings", "architectures", "inversion seeds", "published sd"
NOTHING = "none"
LEVEL = 0.95


@dataclass(frozen=True)
class Unit:
    """What is left out at a time, and what varies freely within."""

    name: str
    member: str
    """Column, after ``reference_`` and ``target_``: rows that have it in common go together."""
    stratum: str
    """Column likewise: members of one stratum are draws of the same kind."""


TRAINING = Unit(TRAININGS, member="model", stratum="recipe")
ARCHITECTURE = Unit(ARCHITECTURES, member="network", stratum="family")


@dataclass(frozen=True)
class Estimate:
    """A value, its standard error with degrees of freedom, and what they are over."""

    value: float
    error: float
    degrees: float
    n: int
    unit: str

    def interval(self, level: float = LEVEL) -> tuple[float, float]:
        """Return the two-sided t-interval; NaN where there is no standard error."""
        if not math.isfinite(self.error):
            return math.nan, math.nan
        half = self.error * float(stdtrit(self.degrees, (1 + level) / 2))
        return self.value - half, self.value + half


def estimate(rows: pd.DataFrame, statistic: Statistic, unit: Unit = TRAINING) -> Estimate:
    """Estimate a statistic over published spreads, else over models, else over inversion seeds.

    Parameters
    ----------
    rows : DataFrame
        Pairs, of `stir_workflow.statements.pairs`; with ``stir_sd`` and ``similarity_sd`` if they were published so.
    statistic : callable
        Rows -> value; NaN where rows that it needs are missing.
    unit : Unit
        What to leave out at a time.
    """
    if "stir_sd" in rows:
        return _from_published_spread(rows, statistic)
    return _over_members(rows, statistic, unit) or _over_seeds(rows, statistic)


def _over_members(rows: pd.DataFrame, statistic: Statistic, unit: Unit) -> Estimate | None:
    """Jackknife, stratum by stratum; None where a stratum has one member, or the rest nothing to compare."""
    reference, target = f"reference_{unit.member}", f"target_{unit.member}"
    variances, degrees = [], []
    for members in _strata(rows, unit):
        rest = [statistic(rows[(rows[reference] != member) & (rows[target] != member)]) for member in members]
        if len(members) < 2 or not np.isfinite(rest).all():
            return None
        variances.append((len(members) - 1) * float(np.var(rest)))
        degrees.append(len(members) - 1)
    total = sum(variances)
    # Satterthwaite: a stratum that varies little, or has many members, leaves the degrees to the others.
    freedom = total**2 / sum(v**2 / d for v, d in zip(variances, degrees, strict=True)) if total > 0 else sum(degrees)
    return Estimate(statistic(rows), math.sqrt(total), freedom, sum(degrees) + len(degrees), unit.name)


def _strata(rows: pd.DataFrame, unit: Unit) -> list[list[str]]:
    sides = [
        rows[[f"{side}_{unit.stratum}", f"{side}_{unit.member}"]].set_axis(["stratum", "member"], axis=1)
        for side in ("reference", "target")
    ]
    members = pd.concat(sides).drop_duplicates()
    return [list(of_stratum) for _, of_stratum in members.groupby("stratum", sort=False)["member"]]


def _over_seeds(rows: pd.DataFrame, statistic: Statistic) -> Estimate:
    values = np.array([statistic(of_seed) for _, of_seed in rows.groupby("random_seed")])
    n = len(values)
    if n < 2:
        return Estimate(statistic(rows), math.nan, math.nan, n, NOTHING)
    return Estimate(statistic(rows), float(values.std(ddof=1)) / math.sqrt(n), n - 1, n, SEEDS)


def _from_published_spread(rows: pd.DataFrame, statistic: Statistic) -> Estimate:
    """Propagate standard deviations to first order, each number's taken as its standard error.

    The number of runs is not published; with more than one, the true interval is narrower.
    """
    value = statistic(rows)
    changes = []
    for score in ("stir", "similarity"):
        for index in rows.index:
            moved = rows.copy()
            moved.loc[index, score] += moved.loc[index, f"{score}_sd"]
            changes.append(statistic(moved) - value)
    return Estimate(value, math.sqrt(sum(change**2 for change in changes)), math.inf, len(rows), PUBLISHED)
