"""Warnings of images that did not converge or match, and of a precision that is not to be had, for the caller of `invert`."""

import numpy as np
from torch import Tensor

from stir.errors import ConvergenceWarning, MatchWarning, PrecisionWarning, warn_caller
from stir.inversion.fast_forward import Forwards
from stir.inversion.result import Matches

NULL_QUANTILE = 0.99
"""Of the correlations with other images: what half of the correlations with X must exceed."""


def warn_of_unconverged(error: Tensor, converged: Tensor, tolerance: float) -> None:
    """Warn of images that did not converge, on behalf of the caller of `invert`."""
    missed = int((~converged).sum())
    if missed:
        warn_caller(
            f"{missed} of {len(error)} images did not reach inversion error {tolerance:g} "
            f"(median {error.median():.3g}, largest {error.max():.3g}). They are marked in `converged`: "
            "leave them out, raise max_iterations, or loosen tolerance.",
            ConvergenceWarning,
        )


def warn_of_no_match(matches: Matches, seed_error: Tensor, tolerance: float) -> None:
    """Warn of images that match no better than others would, on behalf of the caller of `invert`."""
    correlation, null = matches.correlation.numpy(), matches.null_correlation.numpy()
    if len(correlation) < 2 or np.isnan(correlation).all() or np.isnan(null).all():
        return  # a single image has no other
    median, highest = np.nanmedian(correlation), np.nanquantile(null, NULL_QUANTILE)
    if seed_error.median() <= tolerance:
        what = f"Half of the seed images are represented within the tolerance {tolerance:g} of X before anything is inverted"
    elif median <= highest:
        what = f"X' correlates with X by {median:.3f} (median), and with other images by up to {highest:.3f} (99th percentile)"
    else:
        return
    warn_caller(f"{what}: no match is shown. Invert to a tighter tolerance, or choose another layer.", MatchWarning)


def warn_of_likeness(distance: float, tolerance: float) -> None:
    """Warn of reference images that match each other before anything is inverted, on behalf of the caller of `invert`.

    Parameters
    ----------
    distance : float
        Median distance between representations of two reference images, over their median norm; NaN for a single image.
    tolerance : float
        Of 1 or more takes a black picture for a match, too: whoever passes it knows.
    """
    if distance <= tolerance < 1:
        warn_caller(
            f"The layer represents the reference images nearly alike: their median distance is {distance:.2g} of their norm, "
            f"within the tolerance {tolerance:g}, so that each matches the others before anything is inverted and a match says "
            "nothing. Compare correlation with null_correlation; choose another layer or a smaller tolerance.",
            MatchWarning,
        )


def warn_of_precision(asked: str, forwards: Forwards, what: str) -> None:
    """Warn of a precision that the model or the device does not have, on behalf of the caller of `invert`.

    Parameters
    ----------
    asked : str
        The setting.
    forwards : Forwards
        What descents are made with.
    what : str
        Models and layers.
    """
    if asked == "bfloat16" and forwards.precision != asked:
        warn_caller(
            f"Expected a model that runs in bfloat16; got {what}, whose descent is made in float32 ({forwards.note}). "
            "Set precision='float32'.",
            PrecisionWarning,
        )
