"""How well an inversion matches, in columns of tables of scores; no torch."""

from collections.abc import Mapping
from typing import Any

import numpy as np

PER_IMAGE = (
    *("seed_error", "inversion_error", "pairwise_inversion_error", "converged", "iterations"),
    *("correlation", "null_correlation", "same_class"),
)
"""Arrays of an inversion that are summarised."""


def match_columns(settings: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Return what rows of scores say of the inversion that they depend on.

    Parameters
    ----------
    settings : mapping
        ``method``, ``fake_last_relu``, ``seed_images``, ``random_seed`` and ``tolerance``.
    arrays : mapping
        `PER_IMAGE` -> a value per image.
    """
    error, converged, same_class = arrays["inversion_error"], arrays["converged"], arrays["same_class"]
    return {
        "inversion_method": settings["method"] + (".fake_relu" if settings["fake_last_relu"] else ""),
        "seed_images": settings["seed_images"],
        "random_seed": settings["random_seed"],
        "n_images": len(error),
        "tolerance": settings["tolerance"],
        "converged_fraction": float(converged.mean()),
        "inversion_error_median": float(np.median(error)),
        "inversion_error_p90": float(np.quantile(error, 0.9)),
        "pairwise_inversion_error_median": float(np.median(arrays["pairwise_inversion_error"])),
        "seed_error_median": float(np.median(arrays["seed_error"])),
        "correlation_median": _quantile(arrays["correlation"], 0.5),
        "null_correlation_p99": _quantile(arrays["null_correlation"], 0.99),
        "same_class_fraction": float(np.mean(same_class == 1)) if (same_class >= 0).all() else float("nan"),
        "iterations_median": float(np.median(arrays["iterations"])),
    }


def _quantile(values: np.ndarray, q: float) -> float:
    """Return a quantile of the values that are numbers; NaN where none is."""
    return float("nan") if np.isnan(values).all() else float(np.nanmedian(values) if q == 0.5 else np.nanquantile(values, q))
