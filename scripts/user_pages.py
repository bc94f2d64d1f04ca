"""Render the blocks of the pages for users (choosing, reading scores, reproducibility) from kept tables, and print them.

``python -m scripts.user_pages`` after ``make readme``, which copies the quickstart's tables to docs/quickstart/; a test renders
the blocks again. Nothing is measured here.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd

from scripts import blocks
from scripts.controls import reading_of
from stir.tables import read_table

DOCS = Path(__file__).resolve().parent.parent / "docs"
SUMMARY = DOCS / "quickstart" / "quickstart-summary.csv"
EARLIER = DOCS / "reproducibility" / "quickstart-summary.csv"
"""The same experiment, run before kinds of device were recorded."""
PROCESSORS = DOCS / "reproducibility" / "processors.csv"
"""It, or a part of it, on other kinds of device, by scripts/processors.py."""
KIND, SECOND_RUN = "device_kind", "x86_64 Intel(R) Xeon(R) Processor, AVX512"
PRETRAINED = DOCS / "pretrained" / "pretrained.csv"
GROUPS = ["reference_group", "target_group"]
ROW = [*GROUPS, "reference_layer", "similarity_measure"]
MEASURE, LAYER, PREFIX = "linear_cka", "penultimate", "digits-"
HIGH = (0.58, 0.64)
"""Scores that round to about 0.6."""
RESNETS = ["resnet8-vanilla", "resnet8-at"]
LADDER = [
    ("digits-resnet8-at", "digits-resnet8-at"),
    ("digits-resnet8-at", "digits-resnet8-vanilla"),
    ("digits-resnet8-vanilla", "digits-resnet8-vanilla"),
    ("digits-vgg6-vanilla", "digits-vgg6-vanilla"),
    ("digits-vgg6-vanilla", "digits-vgg6-at"),
    ("digits-vgg6-vanilla", "digits-resnet8-vanilla"),
]
READINGS = {"signal": "signal", "robustness": "no more than robustness", "sensitive": "less than noise", "floor": "floor"}


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return a Markdown table; fractions have three digits, and missing numbers are empty."""
    lines = [head, ["---"] * len(head), *[[_cell(value) for value in row] for row in rows]]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(value: object) -> str:
    if isinstance(value, float):
        return "" if pd.isna(value) else f"{value:.3f}"
    return str(value)


def spreads() -> str:
    """Render what each kind of unit contributes to the error of a mean score: the median and the largest over pairs of groups."""
    rows = _chosen(read_table(SUMMARY))
    columns = {
        "trainings, sd": "stir_sd_training_seeds",
        "inversion seeds, sd": "stir_sd_inversion_seeds",
        "300 images, standard error": "stir_se_images",
    }
    spread = [[name, rows[column].median(), rows[column].max(), rows[column].idxmax()] for name, column in columns.items()]
    return table(["from", "median", "largest", "of"], spread)


def measures() -> str:
    """Render floors, ceiling and scores of each similarity measure, at the penultimate layer of ResNets of the quickstart."""
    summary = read_table(SUMMARY)
    lines = []
    for measure in dict.fromkeys(summary["similarity_measure"]):
        rows = _chosen(summary, measure)
        vanilla, at = (rows.loc[_name(f"{PREFIX}resnet8-{kind}", f"{PREFIX}resnet8-{kind}")] for kind in ("vanilla", "at"))
        scores = [vanilla["similarity_mean"], vanilla["stir_mean"], vanilla["stir_excess_mean"], at["stir_mean"]]
        interval = "no" if pd.isna(vanilla["stir_se_images"]) else "yes"
        lines.append([f"`{measure}`", vanilla["stir_ceiling_mean"], vanilla["stir_null_p95_mean"], *scores, interval])
    head = ["measure", "ceiling", "null", "plain vanilla", "STIR vanilla", "excess vanilla", "STIR at", "has an interval"]
    return table(head, lines)


def estimators() -> str:
    """Render biased beside debiased linear CKA where images are many, and where they are few."""
    summary, pretrained = read_table(SUMMARY), read_table(PRETRAINED)
    penultimate = pretrained["reference_layer"] == LAYER
    cases = {
        "quickstart, 300 images, 32 features": _of_means(summary[summary["reference_layer"] == LAYER]),
        "quickstart, 300 images, 128 features": _of_means(summary[summary["reference_layer"] != LAYER]),
        "lite2 given lite1, middle layer, 12 images, 120 features": _of_pairs(pretrained[~penultimate], "lite1", ["lite2"]),
        "lite0, lite1, lite2 given an untrained ResNet10, 12 images, 1,280 features": _of_pairs(
            pretrained[penultimate], "untrained", ["lite0", "lite1", "lite2"]
        ),
    }
    columns = [(f"{MEASURE}{kind}", score) for score in ("similarity", "stir") for kind in ("", "_debiased")]
    rows = [[name, *(means.loc[column] for column in columns)] for name, means in cases.items()]
    return table(["pairs, mean", "plain, biased", "plain, debiased", "STIR, biased", "STIR, debiased"], rows)


def _of_means(summary: pd.DataFrame) -> pd.DataFrame:
    named = summary.rename(columns={"stir_mean": "stir", "similarity_mean": "similarity"})
    return named.groupby("similarity_measure")[["stir", "similarity"]].mean()


def _of_pairs(scores: pd.DataFrame, reference: str, targets: Sequence[str]) -> pd.DataFrame:
    rows = scores[(scores["reference_model"] == reference) & scores["target_model"].isin(targets)]
    return rows.groupby("similarity_measure")[["stir", "similarity"]].mean()


def ladder() -> str:
    """Render rows of the quickstart from the highest score to the lowest of these, each with its reading."""
    rows = _chosen(read_table(SUMMARY))
    return _read(rows.loc[[_name(*groups) for groups in LADDER]])


def about_sixty() -> str:
    """Render all pairs of groups of the quickstart whose score is about 0.6."""
    rows = _chosen(read_table(SUMMARY))
    return _read(rows[rows["stir_mean"].between(*HIGH)].sort_values("stir_excess_mean", ascending=False))


def _read(rows: pd.DataFrame) -> str:
    head = ["target given reference", "STIR", "95% interval", "noise", "ceiling", "excess", "plain", "reading"]
    lines = []
    for name, row in rows.iterrows():
        interval = f"{row['stir_low']:.3f} to {row['stir_high']:.3f}"
        numbers = [row[f"{column}_mean"] for column in ("stir_noise", "stir_ceiling", "stir_excess", "similarity")]
        lines.append([name, row["stir_mean"], interval, *numbers, READINGS[reading_of(row)]])
    return table(head, lines)


def machines() -> str:
    """Render the quickstart's own groups on two processors, and how far all scores of the summaries differ."""
    both = _on_two_processors()
    own = both[(both["reference_group"] == both["target_group"]) & (both["reference_layer"] == LAYER)]
    own = own[own["similarity_measure"] == MEASURE]
    lines = []
    for _, row in own.iterrows():
        runs = [f"{row[f'stir_mean_{run}']:.3f} ± {row[f'stir_sd_training_seeds_{run}']:.3f}" for run in ("first", "second")]
        lines.append([row["reference_group"].removeprefix(PREFIX), *runs, row["stir_difference"]])
    head = ["networks that differ in their training seed", "first run", "second run", "difference"]
    return "\n\n".join([table(head, lines), _differences(both)])


def _on_two_processors() -> pd.DataFrame:
    both = read_table(EARLIER).merge(_on_kinds()[SECOND_RUN], on=ROW, suffixes=("_first", "_second"), validate="1:1")
    for score in ("stir", "similarity"):
        both[f"{score}_difference"] = (both[f"{score}_mean_first"] - both[f"{score}_mean_second"]).abs()
    return both


def _differences(both: pd.DataFrame) -> str:
    largest = both.loc[both["stir_difference"].idxmax()]
    where = f"{_name(*largest[GROUPS])}, {largest['reference_layer']}, `{largest['similarity_measure']}`"
    stir, plain = both["stir_difference"], both["similarity_difference"]
    return (
        f"Over all {len(both)} mean scores (pairs of groups, layers and measures), STIR differs by {stir.mean():.3f} on average "
        f"and by {stir.max():.3f} at most ({where}), and plain similarity by {plain.mean():.3f} and {plain.max():.3f}. ± is the "
        "standard deviation over the ordered pairs of models."
    )


def processors() -> str:
    """Render two groups of the quickstart on each kind of device, and how far all their scores differ from the first run's."""
    first = read_table(EARLIER)
    runs = {"first run, not recorded": first}
    runs |= {f"second run, {kind}" if kind == SECOND_RUN else kind: rows for kind, rows in _on_kinds().items()}
    of_runs = {name: [_chosen(rows).loc[_name(group, group)] for group in RESNETS] for name, rows in runs.items()}
    lines = [[name, *map(_mean, own), *_apart(first, runs[name])] for name, own in of_runs.items()]
    head = ["kind of device", *RESNETS, "mean difference from the first run", "largest"]
    # A run that gives the same digits is of the same kind.
    distinct = pd.DataFrame([[row["stir_mean"] for row in own] for own in of_runs.values()], columns=RESNETS).drop_duplicates()
    spread = ", ".join(f"{sd:.3f} for {group}" for group, sd in distinct.std().items())
    return f"{table(head, lines)}\n\nStandard deviation of the mean over n = {len(distinct)} kinds of device: {spread}."


def _on_kinds() -> dict[str, pd.DataFrame]:
    """Return the summary of each kind of device."""
    return {str(kind): rows for kind, rows in read_table(PROCESSORS).groupby(KIND, sort=False)}


def _mean(row: pd.Series) -> str:
    return f"{row['stir_mean']:.3f} ± {row['stir_sd_training_seeds']:.3f}"


def _apart(first: pd.DataFrame, other: pd.DataFrame) -> list[object]:
    """Return the mean and the largest difference of STIR between rows of ResNets; integers if all digits are the same."""
    of_both = first.merge(other, on=ROW, validate="1:1")
    of_both = of_both[of_both["reference_group"].str.contains("resnet8") & of_both["target_group"].str.contains("resnet8")]
    apart = (of_both["stir_mean_x"] - of_both["stir_mean_y"]).abs()
    return [0, 0] if (apart == 0).all() else [apart.mean(), apart.max()]


def _chosen(summary: pd.DataFrame, measure: str = MEASURE) -> pd.DataFrame:
    """Return the rows of the penultimate layer by one measure, indexed by ``target given reference``."""
    rows = summary[(summary["reference_layer"] == LAYER) & (summary["similarity_measure"] == measure)]
    return rows.set_index(pd.Index([_name(*groups) for groups in rows[GROUPS].itertuples(index=False)]))


def _name(reference: str, target: str) -> str:
    return f"{target.removeprefix(PREFIX)} given {reference.removeprefix(PREFIX)}"


BLOCKS: dict[str, dict[str, Callable[[], str]]] = {
    "choosing.md": {"spreads": spreads, "measures": measures, "estimators": estimators},
    "reading_scores.md": {"ladder": ladder, "about 0.6": about_sixty},
    "reproducibility.md": {"machines": machines, "processors": processors},
}
"""Page -> name of a block -> what renders it."""


def rendered(page: str) -> str:
    """Return a page with its blocks replaced."""
    text = (DOCS / page).read_text(encoding="utf-8")
    for name, render in BLOCKS[page].items():
        begin, end = f"<!-- {name}: rendered by scripts/user_pages.py -->", f"<!-- {name}: end -->"
        text = blocks.text_with(text, begin, end, render(), where=page)
    return text


if __name__ == "__main__":
    for page in BLOCKS:
        (DOCS / page).write_text(rendered(page), encoding="utf-8")
        print(*(render() for render in BLOCKS[page].values()), sep="\n\n", end="\n\n")
