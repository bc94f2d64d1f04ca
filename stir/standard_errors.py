"""How sure a mean of scores is: what images, inversion seeds and trainings contribute, and how that is combined; no torch."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import stdtrit

from stir.table_controls import LEAST_IMAGES_OF_INTERVAL

LEVEL = 0.95
IMAGES, SEEDS, TRAININGS = "images", "inversion seeds", "trainings"
NOTHING = "none"


class Component(NamedTuple):
    """The variance of a number that one kind of unit contributes."""

    unit: str
    variance: float
    degrees: float
    """Degrees of freedom."""
    n: int
    """Number of units."""

    @property
    def known(self) -> bool:
        """Whether there are enough units."""
        return math.isfinite(self.variance)

    @property
    def error(self) -> float:
        """The standard error; NaN where there are too few units."""
        return math.sqrt(self.variance) if self.known else math.nan


def unknown(unit: str, n: int = 0) -> Component:
    """Return the component of too few units."""
    return Component(unit, math.nan, math.nan, n)


def over_images(without_each: object) -> Component:
    """Return the jackknife variance over images; unknown unless there is a number without each of enough images.

    Parameters
    ----------
    without_each : array of shape (n,)
        The number without each image; a number that is no array does not depend on images in a way that is known.
    """
    values = np.asarray(without_each, dtype=np.float64)
    if values.ndim != 1 or len(values) < LEAST_IMAGES_OF_INTERVAL or not np.isfinite(values).all():
        return unknown(IMAGES)
    return Component(IMAGES, (len(values) - 1) * float(values.var()), len(values) - 1, len(values))


def over_seeds(of_each: Sequence[float] | np.ndarray) -> Component:
    """Return the variance of the mean of a number that is known for each inversion seed; unknown for a single seed."""
    values = np.asarray(of_each, dtype=np.float64)
    n = len(values)
    if n < 2 or not np.isfinite(values).all():
        return unknown(SEEDS, n)
    return Component(SEEDS, float(values.var(ddof=1)) / n, n - 1, n)


def over_members(without_each: Sequence[np.ndarray], unit: str = TRAININGS) -> Component:
    """Return the delete-one jackknife variance over models, stratum by stratum.

    It keeps the pairs of a model together (Arvesen 1969, *Jackknifing U-statistics*), and errs on the wide side.

    Parameters
    ----------
    without_each : sequence of array
        Per stratum (models of one kind), the number without each of its members; NaN where nothing is left to compare.
    unit : str
        What the members are.
    """
    n = sum(map(len, without_each))
    if not without_each or any(len(of) < 2 or not np.isfinite(of).all() for of in without_each):
        return unknown(unit, n)
    parts = [Component(unit, (len(of) - 1) * float(np.var(of)), len(of) - 1, len(of)) for of in without_each]
    return _sum(unit, parts, n)


def combined(images: Component, trainings: Component, seeds: Component) -> Component:
    """Return the variance of a number from all units: images + (trainings if they are known, else inversion seeds).

    The spread over trainings holds that over inversion seeds, since each training is inverted with its own; that over
    images comes in addition, since all trainings and seeds are compared on the same images. Degrees of freedom are those of
    Welch and Satterthwaite. Trainings are known where every kind of model involved is there at least twice, and something to
    compare is left without each of them.
    """
    parts = [part for part in (trainings if trainings.known else seeds, images) if part.known]
    if not parts:
        return unknown(NOTHING)
    return _sum(" and ".join(part.unit for part in parts), parts, parts[0].n)


def _sum(unit: str, parts: Sequence[Component], n: int) -> Component:
    # A part that varies little, or has many units, leaves the degrees to the others.
    total = sum(part.variance for part in parts)
    if total > 0:
        return Component(unit, total, total**2 / sum(part.variance**2 / part.degrees for part in parts), n)
    return Component(unit, total, sum(part.degrees for part in parts), n)


def margin(component: Component, level: float = LEVEL) -> float:
    """Return half the width of Student's interval; NaN where the variance is unknown."""
    return component.error * float(stdtrit(component.degrees, (1 + level) / 2)) if component.known else math.nan


def interval(value: float, component: Component, level: float = LEVEL) -> tuple[float, float]:
    """Return Student's two-sided interval of a number, such as a difference; NaN where the variance is unknown."""
    half = margin(component, level)
    return value - half, value + half


def interval_of_mean(mean: float, component: Component, level: float = LEVEL) -> tuple[float, float]:
    """Return the interval of a mean of similarities, on Fisher's z scale (to first order), so that its bounds are similarities.

    Means outside of (-1, 1) have the plain interval.
    """
    if not abs(mean) < 1:
        return interval(mean, component, level)
    z, half = math.atanh(mean), margin(component, level) / (1 - mean**2)
    return math.tanh(z - half), math.tanh(z + half)
