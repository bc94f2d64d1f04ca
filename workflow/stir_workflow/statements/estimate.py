"""A number with its standard error, over the units that are honestly independent.

A statistic of pairs of models is no mean of independent values: pairs share models. So the
unit is the training where there are several: the delete-one jackknife over models
of each recipe, which keeps the pairs of a model together. Where leaving a model out leaves nothing to compare, the
unit is the inversion's random seed, paired across all models: such an interval says how
well these very networks were measured, and nothing of other trainings. The variance over images is added to either: each
image is left out of all scores at once, so that differences are paired. Plain similarity is not known without each image,
so it contributes nothing to that variance. `stir.standard_errors` states the rule.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from stir.standard_errors import (
    LEVEL,
    NOTHING,
    TRAININGS,
    Component,
    combined,
    interval,
    over_images,
    over_members,
    over_seeds,
)
from stir_workflow.statements.pairs import WITHOUT_EACH

Statistic = Callable[[pd.DataFrame], float]
ARCHITECTURES, PUBLISHED = "architectures", "published sd"


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
    component: Component
    """The variance from all units."""

    @property
    def error(self) -> float:
        """The standard error; NaN where there is none."""
        return self.component.error

    @property
    def degrees(self) -> float:
        """Degrees of freedom of the standard error."""
        return self.component.degrees

    @property
    def n(self) -> int:
        """Number of trainings, architectures, inversion seeds, or published numbers."""
        return self.component.n

    @property
    def unit(self) -> str:
        """The units that the interval is over, such as ``trainings and images``."""
        return self.component.unit

    def interval(self, level: float = LEVEL) -> tuple[float, float]:
        """Return the two-sided t-interval; NaN where there is no standard error."""
        return interval(self.value, self.component, level)


def estimate(rows: pd.DataFrame, statistic: Statistic, unit: Unit = TRAINING) -> Estimate:
    """Estimate a statistic over published spreads, else over models, else over inversion seeds; and over images.

    Without models or inversion seeds to leave out there is no interval, even if there is one over images.

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
    trainings, seeds = _over_members(rows, statistic, unit), _over_seeds(rows, statistic)
    if not (trainings.known or seeds.known):
        return Estimate(statistic(rows), Component(NOTHING, math.nan, math.nan, seeds.n))
    return Estimate(statistic(rows), combined(_over_images(rows, statistic), trainings, seeds))


def _over_images(rows: pd.DataFrame, statistic: Statistic) -> Component:
    """Leave each image out of all rows at once: the statistic of arrays, with a value per image, is an array."""
    if WITHOUT_EACH not in rows:
        return over_images(math.nan)
    return over_images(statistic(rows.assign(stir=rows[WITHOUT_EACH])))


def _over_members(rows: pd.DataFrame, statistic: Statistic, unit: Unit) -> Component:
    """Jackknife, stratum by stratum; unknown where a stratum has one member, or the rest nothing to compare."""
    return over_members([_without_each(rows, statistic, unit, members) for members in _strata(rows, unit)], unit.name)


def _without_each(rows: pd.DataFrame, statistic: Statistic, unit: Unit, members: Sequence[str]) -> np.ndarray:
    """Return the statistic without each member; NaN where the same rows are left without any, so that its spread is not seen.

    Two members that are compared only with each other leave the same rows; of other members, a statistic may remain.
    """
    reference, target = rows[f"reference_{unit.member}"], rows[f"target_{unit.member}"]
    rests = [rows[(reference != member) & (target != member)] for member in members]
    if len(rests) > 1 and all(rest.index.equals(rests[0].index) for rest in rests):
        return np.full(len(rests), math.nan)
    return np.array([statistic(rest) for rest in rests])


def _strata(rows: pd.DataFrame, unit: Unit) -> list[list[str]]:
    sides = [
        rows[[f"{side}_{unit.stratum}", f"{side}_{unit.member}"]].set_axis(["stratum", "member"], axis=1)
        for side in ("reference", "target")
    ]
    members = pd.concat(sides).drop_duplicates()
    return [list(of_stratum) for _, of_stratum in members.groupby("stratum", sort=False)["member"]]


def _over_seeds(rows: pd.DataFrame, statistic: Statistic) -> Component:
    return over_seeds([statistic(of_seed) for _, of_seed in rows.groupby("random_seed")])


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
    return Estimate(value, Component(PUBLISHED, sum(change**2 for change in changes), math.inf, len(rows)))
