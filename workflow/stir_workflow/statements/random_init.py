"""Statement 1: networks that differ only in their initial weights share more invariances when trained with AT."""

import pandas as pd

from stir_workflow.statements.pairs import alike, both, last_layer, mean, require
from stir_workflow.statements.verdict import Row, part

HIGH = 0.8
"""What counts as a high CKA. Ours: the poster says high of 0.937 and 0.967, and gives no bound; 0.8 leaves
room for small networks, and lies well above its 0.54 to 0.61 between AT and vanilla networks."""


def gap(rows: pd.DataFrame, score: str) -> float:
    """Return the mean score of AT pairs less that of vanilla pairs."""
    return mean(both(rows, objective="at"), score) - mean(both(rows, objective="vanilla"), score)


def alike_trained(pairs: pd.DataFrame) -> pd.DataFrame:
    """Return the AT pairs and the vanilla pairs that differ in nothing but their training seed.

    Raises
    ------
    InvalidInputError
        If there are none of one kind.
    """
    rows = alike(pairs, ["recipe"])
    kinds = [
        require(both(rows, objective=objective), f"two {objective} models that differ in their training seed")
        for objective in ("at", "vanilla")
    ]
    return pd.concat(kinds)


def random_init(pairs: pd.DataFrame) -> list[Row]:
    """Judge statement 1 on the last layer.

    Pairs differ in their training seed alone: initial weights, and here the order of images too. The interval
    is over trainings from three of each kind on, else over inversion seeds: see `stir_workflow.statements.estimate`.

    Raises
    ------
    InvalidInputError
        If there are no such AT or vanilla pairs.
    """
    rows = alike_trained(last_layer(pairs))
    return [
        part("at_over_vanilla", "STIR of AT pairs is higher than STIR of vanilla pairs.", rows, lambda r: gap(r, "stir")),
        *(
            part(
                f"cka_high_{objective}",
                f"CKA of {objective} pairs is high: above {HIGH}.",
                both(rows, objective=objective),
                lambda r: mean(r, "similarity"),
                threshold=HIGH,
                of_inversions=False,
            )
            for objective in ("vanilla", "at")
        ),
        part(
            "stir_gap_over_cka_gap",
            "The difference between AT and vanilla is larger in STIR than, whatever its sign, in CKA.",
            rows,
            lambda r: gap(r, "stir") - abs(gap(r, "similarity")),
        ),
    ]
