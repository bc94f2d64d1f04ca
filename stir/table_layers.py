"""The layers in rows of a table of scores: their names, positions and numbers of features; no torch."""

import pandas as pd

from stir.names import FLATTEN, layer_text

LAYER_COLUMNS = [f"{side}_{what}" for side in ("reference", "target") for what in ("select", "pooling", "features")]
"""Beside the layers, in tables of experiments that select, pool, or take networks of other libraries: what of a layer's output is
read, what makes a vector of it, and how many features d that has."""


def layer_columns(scores: pd.DataFrame) -> list[str]:
    """Return those of `LAYER_COLUMNS` that a table has."""
    return [column for column in LAYER_COLUMNS if column in scores]


def layer_texts(scores: pd.DataFrame) -> pd.Series:
    """Return what the reference layer of each row is called, with its selector and pooling."""
    selects, poolings = (
        scores[column].astype(object)
        if (column := f"reference_{what}") in scores
        else pd.Series(None, scores.index, dtype=object)
        for what in ("select", "pooling")
    )
    rows = zip(scores["reference_layer"], selects, poolings, strict=True)
    return pd.Series([_layer_text(*row) for row in rows], scores.index, dtype=object)


def _layer_text(layer: str, select: object, pooling: object) -> str:
    # Empty cells of a CSV file are NaN.
    return layer_text(layer, select if isinstance(select, str) else None, pooling if isinstance(pooling, str) else FLATTEN)


def layer_positions(scores: pd.DataFrame) -> pd.Series:
    """Return the position of each row's layer among those of its reference model, from 0.

    Architectures may name their layers differently; layers at the same position correspond.
    """
    by_model = layer_texts(scores).groupby(scores["reference_model"], sort=False)
    return by_model.transform(lambda layers: pd.factorize(layers)[0]).astype(int)


def layer_name(rows: pd.DataFrame) -> str:
    """Return the layer names of these rows: one name, or those of several architectures separated by ``|``."""
    return "|".join(layer_texts(rows).unique())


def features_text(rows: pd.DataFrame) -> str:
    """Return the number of features of the layers of these rows, such as ``d = 64 to 512``; empty if it is not known."""
    known = rows["reference_features"].dropna() if "reference_features" in rows else pd.Series(dtype=float)
    return "" if known.empty else "d = " + " to ".join(dict.fromkeys(f"{n:,.0f}" for n in (known.min(), known.max())))
