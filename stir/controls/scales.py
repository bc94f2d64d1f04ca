"""A score on the scale between its controls."""

import math


def excess(stir: float, *, noise: float, ceiling: float) -> float:
    r"""Return (STIR − noise) / (ceiling − noise), unclamped.

    1 says that the target model keeps what the reference model keeps, as the reference model itself does; 0 that it
    keeps no more than under noise of the same pixel distance. Below 0, X' changes the target model more than noise does:
    the reference model is invariant to directions that the target model is sensitive to.

    Parameters
    ----------
    stir : float
        STIR(m2 | m1, X).
    noise : float
        S_rep(m2(X), m2(X + noise)), the noise of each image having the length of X' − X (`matched_noise`).
    ceiling : float
        STIR(m1 | m1, X).

    Returns
    -------
    float
        NaN where the ceiling is not above the noise, so that there is no scale.

    Examples
    --------
    >>> from stir.controls import excess
    >>> round(excess(0.6, noise=0.2, ceiling=0.99), 3)
    0.506
    """
    return (stir - noise) / (ceiling - noise) if ceiling > noise else math.nan


def calibrated(score: float, *, null: float) -> float:
    r"""Return (s − q) / (1 − q) if s > q, else 0: how far a score is above the null, on the scale where 1 stays 1.

    Parameters
    ----------
    score : float
        A similarity of at most 1.
    null : float
        q, the 95th percentile of the similarities to shuffled images.

    References
    ----------
    Gröger et al. 2026, "Revisiting the Platonic Representation Hypothesis: An Aristotelian View".

    Examples
    --------
    >>> from stir.controls import calibrated
    >>> round(calibrated(0.6, null=0.2), 3)
    0.5
    """
    return max(score - null, 0.0) / (1 - null) if null < 1 else math.nan
