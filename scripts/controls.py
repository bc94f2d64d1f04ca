"""Render the quickstart's controls in docs/controls.md from the tables in docs/quickstart/, and print them.

``python -m scripts.controls`` after ``make readme``, which copies the tables there; a test renders the block again.
"""

import sys
from pathlib import Path

import pandas as pd

from scripts import blocks

ROOT = Path(__file__).resolve().parent.parent
SUMMARY = ROOT / "docs" / "quickstart" / "quickstart-summary.csv"
PAGE = ROOT / "docs" / "controls.md"
BEGIN, END = "<!-- quickstart: rendered by scripts/controls.py -->", "<!-- quickstart: end -->"
NUMBERS = {
    "stir_mean": "STIR",
    "stir_low": "low",
    "stir_high": "high",
    "stir_ceiling_mean": "ceiling",
    "stir_noise_mean": "noise",
    "stir_excess_mean": "excess",
    "stir_null_p95_mean": "null, 95th percentile",
    "stir_seed_floor_mean": "seed images",
    "stir_untrained_mean": "untrained target",
    "target_same_class_fraction_mean": "same class",
    "similarity_mean": "plain",
}
"""Column of a summary -> heading."""
NEEDED = [*NUMBERS, "not_above_null", "n_model_pairs", "reference_group", "target_group", "reference_layer", "similarity_measure"]
LAYER, MEASURE, PREFIX = "penultimate", "linear_cka", "digits-"
READINGS = {
    "signal": "**Signal**: the interval lies above the noise",
    "robustness": "**Mere robustness**: the noise lies within the interval",
    "sensitive": "**Less than noise**: the interval lies below the noise; X' changes the target model more than noise does",
    "floor": "**Floor**: no pair of models is above the null of shuffled images",
}


def reading_of(row: pd.Series) -> str:
    """Return how a row of a summary reads: a key of `READINGS`."""
    if row["not_above_null"] >= row["n_model_pairs"]:
        return "floor"
    if row["stir_low"] > row["stir_noise_mean"]:
        return "signal"
    return "sensitive" if row["stir_high"] < row["stir_noise_mean"] else "robustness"


def render(summary: pd.DataFrame) -> str:
    """Render a table of the controls, and which pairs are signal, mere robustness, less, or floor."""
    missing = [column for column in NEEDED if column not in summary]
    if missing:
        sys.exit(f"Expected controls in {SUMMARY}; got no columns {', '.join(missing)}. Run make run and make readme first.")
    rows = summary[(summary["reference_layer"] == LAYER) & (summary["similarity_measure"] == MEASURE)]
    pairs = {_name(row): row for _, row in rows.iterrows()}
    head = ["target given reference", *NUMBERS.values()]
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    lines += [f"| {name} | {' | '.join(_cell(row[column]) for column in NUMBERS)} |" for name, row in pairs.items()]
    return "\n".join([*lines, "", *_readings(pairs)])


def _name(row: pd.Series) -> str:
    target, reference = (str(row[side]).removeprefix(PREFIX) for side in ("target_group", "reference_group"))
    return f"{target} given {reference}"


def _cell(value: float) -> str:
    return "" if pd.isna(value) else f"{value:.3f}"


def _readings(pairs: dict[str, pd.Series]) -> list[str]:
    found = {name: reading_of(row) for name, row in pairs.items()}
    lines = []
    for key, meaning in READINGS.items():
        named = [f"{name} ({_cell(pairs[name]['stir_excess_mean'])})" for name, reading in found.items() if reading == key]
        lines.append(f"- {meaning}: {len(named)} of {len(pairs)}" + (f", with the excess: {', '.join(named)}." if named else "."))
    return lines


def page_with(block: str) -> str:
    """Return the page with its block replaced."""
    return blocks.page_with(PAGE, BEGIN, END, block)


if __name__ == "__main__":
    rendered = render(pd.read_csv(SUMMARY))
    PAGE.write_text(page_with(rendered), encoding="utf-8")
    print(rendered)
