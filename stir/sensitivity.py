"""How far scores and the ranking of pairs move when one setting of an experiment changes; no torch."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

import pandas as pd

from stir.flags import SEPARATOR
from stir.table_layers import layer_name, layer_positions

MATRIX = ["images_dataset", "layer", "similarity_measure"]
"""What is ranked together."""
PAIR = ["reference_model", "target_model"]
MOVED = ("stir", "stir_excess")
"""Scores that inversions change."""
STUDY_COLUMNS = [
    "setting",
    "value",
    "own_value",
    "score",
    "images_dataset",
    "layer",
    "similarity_measure",
    *PAIR,
    "n_images",
    "converged_fraction",
    "of_variant",
    "of_experiment",
    "difference",
    "difference_sd_inversion_seeds",
    "rank_of_variant",
    "rank_of_experiment",
    "largest_difference",
    "largest_rank_move",
    "spearman",
    "kendall",
    "flags",
]
LEAST_PAIRS = 3
"""The fewest pairs that have a rank correlation worth the name."""


def study_table(
    experiment: pd.DataFrame, variants: Sequence[tuple[Mapping[str, str], pd.DataFrame]], own: Mapping[str, str]
) -> pd.DataFrame:
    """Compare the scores of variants with those of the experiment, pair by pair.

    Scores are means over inversion seeds; ``difference`` is that of variant and experiment, and its standard deviation is over
    the differences of equal inversion seeds. Ranks (1 is the highest score), their correlations and the largest moves are those
    of the pairs of different models that have both scores, within a dataset of images, layer and similarity measure.

    Parameters
    ----------
    experiment : DataFrame
        From `stir.tables.score_table`.
    variants : sequence of (mapping, DataFrame)
        ``setting`` and ``value`` of each variant, and its table of scores.
    own : mapping
        Setting -> the experiment's own value.
    """
    base = _placed(experiment)
    parts = [
        _compared(base, _placed(scores), score).assign(**changed, own_value=own[changed["setting"]], score=score)
        for changed, scores in variants
        for score in MOVED
        if score in experiment and score in scores
    ]
    names = pd.Series({layer: layer_name(rows) for layer, rows in base.groupby("layer")}, dtype=object)
    table = pd.concat(parts, ignore_index=True)
    return table.assign(layer=table["layer"].map(names))[STUDY_COLUMNS]


def _placed(scores: pd.DataFrame) -> pd.DataFrame:
    """Add positions of layers, whose names change with their pooling."""
    return scores.assign(layer=layer_positions(scores))


def _compared(base: pd.DataFrame, variant: pd.DataFrame, score: str) -> pd.DataFrame:
    keys = [*MATRIX, *PAIR]
    both = variant.merge(base[[*keys, "random_seed", score]], on=[*keys, "random_seed"], suffixes=("", "_own"), validate="1:1")
    both["change"] = both[score] - both[f"{score}_own"]
    by_pair = both.groupby(keys, sort=False)
    pairs = by_pair.agg(
        n_images=("n_images", "first"),
        converged_fraction=("converged_fraction", "min"),
        of_variant=(score, _mean),
        of_experiment=(f"{score}_own", _mean),
        difference=("change", _mean),
        difference_sd_inversion_seeds=("change", "std"),
        flags=("flags", _all_flags),
    ).reset_index()
    return pd.concat(_ranked(rows) for _, rows in pairs.groupby(MATRIX, sort=False))


def _mean(values: pd.Series) -> float:
    """Return the mean; NaN if any value is missing, since that of the others is another quantity."""
    return float(values.mean(skipna=False))


def _all_flags(flags: pd.Series) -> str:
    words = (word for text in flags.fillna("") for word in text.split(SEPARATOR) if word)
    return SEPARATOR.join(dict.fromkeys(words))


def _ranked(pairs: pd.DataFrame) -> pd.DataFrame:
    """Add ranks, rank correlations and the largest moves to the pairs of one matrix."""
    ranked = (pairs["reference_model"] != pairs["target_model"]) & pairs["difference"].notna()
    ranks = pairs.loc[ranked, ["of_variant", "of_experiment"]].rank(ascending=False)
    known = pairs.loc[ranked]
    correlated = {kind: _correlation(known, kind) for kind in ("spearman", "kendall")}
    return pairs.assign(
        rank_of_variant=ranks["of_variant"],
        rank_of_experiment=ranks["of_experiment"],
        largest_difference=known["difference"].abs().max(),
        largest_rank_move=(ranks["of_variant"] - ranks["of_experiment"]).abs().max(),
        **correlated,
    )


def _correlation(pairs: pd.DataFrame, kind: Literal["spearman", "kendall"]) -> float:
    """Return a rank correlation; NaN where there is no ranking: too few pairs, or all of one score."""
    scores = pairs[["of_variant", "of_experiment"]]
    if len(scores) < LEAST_PAIRS or (scores.nunique() == 1).any():
        return float("nan")
    return float(scores["of_variant"].corr(scores["of_experiment"], method=kind))


def study_lines(table: pd.DataFrame, score: str = "stir") -> list[str]:
    """Return the study as text: a line per variant and similarity measure, the worst over layers and datasets of images."""
    header = ("variant", "measure", "converged", "largest move", "in rank", "Spearman", "Kendall")
    return aligned([header, *_summed(table, score)], left=2)


def _summed(table: pd.DataFrame, score: str) -> Iterator[tuple[str, ...]]:
    rows = table[table["score"] == score]
    for (setting, value, measure), group in rows.groupby(["setting", "value", "similarity_measure"], sort=False):
        numbers = (
            group["converged_fraction"].min(),
            group["largest_difference"].max(),
            group["largest_rank_move"].max(),
            group["spearman"].min(),
            group["kendall"].min(),
        )
        texts = [
            form.format(number) for form, number in zip(("{:.3f}", "{:.3f}", "{:g}", "{:.3f}", "{:.3f}"), numbers, strict=True)
        ]
        yield f"{setting} {group['own_value'].iloc[0]} -> {value}", str(measure), *texts


def aligned(rows: Sequence[Sequence[str]], *, left: int) -> list[str]:
    """Return rows of text as lines with aligned columns, the first of them flush left and the others flush right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(f"{cell:{'<' if at < left else '>'}{widths[at]}}" for at, cell in enumerate(row)) for row in rows]
