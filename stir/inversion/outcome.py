"""What an inversion gives: pictures, and how well each matches."""

import warnings
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from torch import Tensor

from stir.errors import ConvergenceWarning, MatchWarning
from stir.inversion.match import Matches

NULL_QUANTILE = 0.99
"""Of the correlations with other images: what half of the correlations with X must exceed."""


@dataclass(frozen=True)
class Inversion:
    """IRIs and how well each matches; row i belongs to reference image i."""

    iri_images: Float[Tensor, "n ..."]
    """X', the best iterates. Of an inversion with a snapshot, on disk: slices of it are tensors."""
    seed_images: Float[Tensor, "n ..."]
    """Where the descents began. Of an inversion with a snapshot, made when asked for: slices of it are tensors."""
    seed_error: Float[Tensor, " n"]
    """Inversion error of the seed images."""
    inversion_error: Float[Tensor, " n"]
    """‖m1(X')−m1(X)‖₂ / ‖m1(X)‖₂, from a forward pass over the returned images."""
    pairwise_inversion_error: Float[Tensor, " n"]
    """‖m1(X')−m1(X)‖₂ over the median distance between representations of pairs of the first 256 images."""
    converged: Bool[Tensor, " n"]
    """Whether ``inversion_error`` is at or under the tolerance."""
    correlation: Float[Tensor, " n"]
    """Pearson correlation of m1(X') with m1(X)."""
    null_correlation: Float[Tensor, " n"]
    """Correlation of m1(X') with m1 of a random other reference image."""
    same_class: Bool[Tensor, " n"] | None
    """Whether m1 predicts the same class for X' and X; None if it predicts none."""
    iterations: Int[Tensor, " n"]
    """Forward and backward passes made for each image."""
    method: str
    """Name of the descent."""
    tolerance: float
    """What convergence was judged by."""


def warn_of_unconverged(error: Tensor, converged: Tensor, tolerance: float) -> None:
    """Warn of images that did not converge, on behalf of the caller of `invert`."""
    missed = int((~converged).sum())
    if missed:
        warnings.warn(
            f"{missed} of {len(error)} images did not reach inversion error {tolerance:g} "
            f"(median {error.median():.3g}, largest {error.max():.3g}). They are marked in `converged`: "
            "leave them out, raise max_iterations, or loosen tolerance.",
            ConvergenceWarning,
            stacklevel=4,
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
    warnings.warn(
        f"{what}: no match is shown. Invert to a tighter tolerance, or choose another layer.", MatchWarning, stacklevel=4
    )


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
        warnings.warn(
            f"The layer represents the reference images nearly alike: their median distance is {distance:.2g} of their norm, "
            f"within the tolerance {tolerance:g}, so that each matches the others before anything is inverted and a match says "
            "nothing. Compare correlation with null_correlation; choose another layer or a smaller tolerance.",
            MatchWarning,
            stacklevel=4,
        )
