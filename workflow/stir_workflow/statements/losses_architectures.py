"""Statement 2: AT shares more invariances across architectures, and residual networks ask less as the reference."""

import pandas as pd

from stir_workflow.statements.estimate import ARCHITECTURE
from stir_workflow.statements.pairs import alike, both, last_layer, mean, require
from stir_workflow.statements.random_init import gap
from stir_workflow.statements.verdict import Row, part


def residual_over_vgg(rows: pd.DataFrame) -> float:
    """Return the mean STIR with a residual reference less that with a VGG reference."""
    by_kind = [mean(rows[rows["reference_kind"] == kind], "stir") for kind in ("residual", "vgg")]
    return by_kind[0] - by_kind[1]


def losses_architectures(pairs: pd.DataFrame) -> list[Row]:
    """Judge statement 2 on the last layer.

    A residual reference is compared with a VGG reference within pairs of one residual and one VGG
    network of the same training: STIR(vgg | residual) - STIR(residual | vgg), so that both
    sides are of the same two networks. Means of rows of the matrix would compare other things too: a
    residual reference has residual targets, which are nearer to it, where a VGG reference has VGG ones.
    The interval is over architectures: what leaving one out changes (two or more residual and VGG each).

    Raises
    ------
    InvalidInputError
        If there are no AT pairs, vanilla pairs, or pairs of a residual and a VGG network.
    """
    rows = last_layer(pairs)
    at, vanilla = (require(both(rows, objective=objective), f"two {objective} models") for objective in ("at", "vanilla"))
    kinds = {"residual", "vgg"}
    crossed = rows[rows["reference_kind"].isin(kinds) & rows["target_kind"].isin(kinds)]
    paired = crossed[crossed["reference_kind"] != crossed["target_kind"]]
    paired = require(alike(paired, ["objective"]), "a residual and a VGG network of the same training")
    return [
        part(
            "at_over_vanilla",
            "STIR between AT networks is higher than STIR between vanilla networks.",
            pd.concat([at, vanilla]),
            lambda r: gap(r, "stir"),
            unit=ARCHITECTURE,
        ),
        part(
            "residual_reference",
            "STIR(vgg | residual) is higher than STIR(residual | vgg), of networks of the same training.",
            paired,
            residual_over_vgg,
            unit=ARCHITECTURE,
        ),
        *_also(rows, paired, crossed),
    ]


def _also(rows: pd.DataFrame, paired: pd.DataFrame, crossed: pd.DataFrame) -> list[Row]:
    """Judge what the published table shows beside what the poster states."""
    parts = [
        part(
            f"also_residual_reference_{objective}",
            f"STIR(vgg | residual) is higher than STIR(residual | vgg), of {objective} networks.",
            both(paired, objective=objective),
            residual_over_vgg,
            unit=ARCHITECTURE,
        )
        for objective in ("at", "vanilla")
        if not both(paired, objective=objective).empty
    ]
    to_vanilla = crossed[(crossed["reference_objective"] == "at") & (crossed["target_objective"] == "vanilla")]
    claim = "STIR(vanilla | at) is higher with a residual than with a VGG reference, over the same vanilla targets."
    parts.append(part("also_residual_reference_at_to_vanilla", claim, to_vanilla, residual_over_vgg, unit=ARCHITECTURE))
    mixed = rows[rows["reference_objective"] != rows["target_objective"]]
    mixed = mixed[mixed["reference_objective"].isin(["at", "vanilla"]) & mixed["target_objective"].isin(["at", "vanilla"])]
    claim = "STIR(vanilla | at) is higher than STIR(at | vanilla)."
    return [*parts, part("also_at_reference", claim, mixed, _at_over_vanilla_reference, unit=ARCHITECTURE)]


def _at_over_vanilla_reference(rows: pd.DataFrame) -> float:
    by_reference = [mean(rows[rows["reference_objective"] == objective], "stir") for objective in ("at", "vanilla")]
    return by_reference[0] - by_reference[1]
