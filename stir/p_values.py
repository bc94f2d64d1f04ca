"""Correction of the p-values of a table for their number; no torch."""

import numpy as np
import pandas as pd


def holm(p_values: pd.Series) -> pd.Series:
    """Return p-values corrected for their number: the i-th smallest of m times m − i + 1, made monotone, at most 1.

    Missing ones stay missing, and do not count.

    References
    ----------
    Holm 1979, Scandinavian Journal of Statistics 6, 65-70.
    """
    known = p_values.dropna().sort_values(kind="stable")
    return (known * np.arange(len(known), 0, -1)).cummax().clip(upper=1).reindex(p_values.index)
