"""Statement 4: AT leads to higher STIR at every layer."""

from functools import partial

import pandas as pd

from stir_workflow.statements.random_init import alike_trained, gap
from stir_workflow.statements.verdict import Row, every, part


def random_init_layers(pairs: pd.DataFrame) -> list[Row]:
    """Judge statement 4: the smallest difference over layers, and the difference at each.

    Pairs and intervals are those of statement 1, at each layer.

    Raises
    ------
    InvalidInputError
        If there are no AT or vanilla pairs that differ in their training seed alone.
    """
    rows = alike_trained(pairs)
    layers = sorted(rows["layer"].unique())
    claim = "STIR of AT pairs is higher than STIR of vanilla pairs"
    return [
        every("at_over_vanilla_everywhere", f"{claim} at every layer.", rows, [partial(_gap_at, layer) for layer in layers]),
        *(
            part("at_over_vanilla", f"{claim} at this layer.", rows[rows["layer"] == layer], lambda r: gap(r, "stir"))
            for layer in layers
        ),
    ]


def _gap_at(layer: int, rows: pd.DataFrame) -> float:
    return gap(rows[rows["layer"] == layer], "stir")
