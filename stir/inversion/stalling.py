"""Warn of an inversion that is likely to miss its tolerance while there are evaluations left, with its error curve."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from stir.errors import StallWarning, warn_caller
from stir.inversion.curve import ErrorCurve
from stir.inversion.descent import Rows, Stopping

LEAST_EVALUATIONS = 20
"""Before so many, the slope of an error curve says little."""
STEEPER = 1.3
"""Error curves are nearly straight with both axes logarithmic, and become steeper by up to this factor: measured with `lbfgs` on
trained networks, from 20 evaluations to 1,280."""
SHOWN_DIGITS = ("1", "2", "5")


class Outlook(NamedTuple):
    """What is expected of the images that have made enough evaluations or ended."""

    n_known: int
    n_missed: int
    median_error: float
    evaluations: int
    """The median of those that have not ended."""


class StallWatch:
    """Look at an inversion now and then; warn once, if most of its images are likely to miss the tolerance.

    Parameters
    ----------
    curve : ErrorCurve
        Of the inversion.
    stopping : Stopping
        Its tolerance and most evaluations.
    what : str
        Model, layer and method, for the message.
    """

    def __init__(self, curve: ErrorCurve, stopping: Stopping, what: str) -> None:
        self._curve, self._stopping, self._what = curve, stopping, what
        self._looks = {count for count in curve.evaluations if LEAST_EVALUATIONS <= count < stopping.max_iterations}
        self._n_evaluations = 0

    def look(self, rows: Rows, settled_errors: Callable[[], Tensor], *, rounding_ends: bool) -> None:
        """Look at the rows after an evaluation of the batch, at numbers of evaluations that are spaced logarithmically.

        Parameters
        ----------
        rows : Rows
            The pictures under way.
        settled_errors : callable
            Returns the errors of the images that have ended; NaN for others.
        rounding_ends : bool
            Whether an exact problem takes over from a rounded one, which stalls where it is expected to.
        """
        self._n_evaluations += 1
        if self._n_evaluations not in self._looks:
            return
        outlook = self._outlook(rows, settled_errors(), rounding_ends=rounding_ends)
        if 2 * outlook.n_missed > outlook.n_known:
            self._looks = set()
            self._warn(outlook)

    def _outlook(self, rows: Rows, settled_errors: Tensor, *, rounding_ends: bool) -> Outlook:
        under_way = (rows.iterations >= LEAST_EVALUATIONS) & ~(rows.rounded & rounding_ends)
        missed = ~(expected_errors(self._curve, rows, self._stopping.max_iterations) <= self._stopping.tolerance) & under_way
        settled = settled_errors[settled_errors.isfinite()]
        errors = torch.cat([rows.best_errors[under_way].cpu().to(settled), settled])
        return Outlook(
            n_known=len(errors),
            n_missed=int(missed.sum()) + int((settled > self._stopping.tolerance).sum()),
            median_error=errors.median().item() if len(errors) else torch.nan,
            evaluations=int(rows.iterations.median()),
        )

    def _warn(self, outlook: Outlook) -> None:
        medians = self._curve.errors.nanmedian(dim=0).values.tolist()
        points = [
            f"{median:.3g} after {count:,}"
            for count, median in zip(self._curve.evaluations, medians, strict=True)
            if str(count).rstrip("0") in SHOWN_DIGITS and count <= outlook.evaluations
        ]
        warn_caller(
            f"Expected most images at inversion error {self._stopping.tolerance:g} within {self._stopping.max_iterations:,} "
            f"evaluations ({self._what}); got a median of {outlook.median_error:.3g} after {outlook.evaluations:,}, and at this "
            f"rate {outlook.n_missed} of {outlook.n_known} images will miss it. Median error: {', '.join(points)} evaluations. "
            "The inversion goes on. Raise max_iterations, loosen tolerance and report it, or try another method, layer or kind "
            "of seed image.",
            StallWarning,
        )


def expected_errors(curve: ErrorCurve, rows: Rows, max_iterations: int) -> Float[Tensor, " b"]:
    """Return the error that each row is expected to end with, by the slope since half of its evaluations.

    Parameters
    ----------
    curve : ErrorCurve
        Of the inversion.
    rows : Rows
        The pictures under way, each with two evaluations or more.
    max_iterations : int
        Most evaluations per image.
    """
    counts = torch.tensor(curve.evaluations, device=rows.iterations.device)
    column = (torch.searchsorted(counts, rows.iterations // 2, right=True) - 1).clamp(min=0)
    before = curve.errors[rows.index, column].to(rows.best_errors)
    now = rows.iterations.clamp(max=max_iterations).to(before)
    slope = (before / rows.best_errors).log() / (now / counts[column]).log()
    return rows.best_errors * (max_iterations / now) ** (-STEEPER * slope)
