"""The summary of a table of scores in the terminal: a row for each pair of groups of models, with its interval."""

import math
from collections.abc import Hashable, Iterable, Iterator, Mapping
from pathlib import Path
from string import ascii_lowercase
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console

OF_NUMBERS = ("stir", "similarity")
"""How the names of columns of scores begin, apart from ``similarity_measure``."""
FINITE = ("stir", "similarity", "stir_mean", "similarity_mean")


def print_summary(console: "Console", path: Path, rows: "pd.DataFrame") -> None:
    """Print the summary beside a table of scores, if there is one, for the layers and the measure of some of its rows.

    What varies between the ends of an interval is named: a narrow one over two inversion seeds says nothing of other images.

    Parameters
    ----------
    console : Console
        Where to print.
    path : Path
        The table of scores.
    rows : DataFrame
        Its rows that are shown.
    """
    from rich.table import Table
    from rich.text import Text

    from stir.tables import read_table

    place = path.with_name(f"{path.stem}-summary.csv")
    if not place.is_file():
        return
    summary = read_table(place)
    check_table(summary, place)
    summary = _chosen(summary, rows)
    records = summary.to_dict("records")
    over = list(dict.fromkeys(filter(None, map(_over, records))))
    letters = dict(zip(over, ascii_lowercase, strict=False)) if len(over) > 1 else {}
    table = Table(box=None, padding=(0, 2, 0, 0), show_edge=False)
    interval = f"95% interval over {over[0]}" if len(over) == 1 else "95% interval"
    for name in ("reference -> target", "STIR", interval, "plain", "excess", "pairs"):
        table.add_column(name, justify="left" if "->" in name else "right", overflow="fold")
    for row in records:
        table.add_row(Text(f"{row['reference_group']} -> {row['target_group']}"), *_numbers(row, letters))
    console.print()
    console.print(table)
    for line in (*_notes(letters, over), *(f"* {flags}" for flags in sorted(_flags(summary["flags"].dropna())))):
        console.print(line, markup=False)


def check_table(table: "pd.DataFrame", path: Path) -> None:
    """Refuse a table that cannot be shown: others may have written it.

    Raises
    ------
    InvalidInputError
        If there is no row, a score is no finite number, or a text would move the cursor or hide others.
    """
    from pandas.api.types import is_numeric_dtype

    from stir.errors import InvalidInputError
    from stir.names import shown

    if not len(table):
        raise InvalidInputError(f"Expected scores in {shown(path)}; it has no row.")
    for column in (name for name in table if str(name).startswith(OF_NUMBERS) and name != "similarity_measure"):
        values = table[column].dropna()
        if len(values) and not (is_numeric_dtype(values) and (values.abs().lt(math.inf).all() or column not in FINITE)):
            raise InvalidInputError(f"Expected finite numbers in column {shown(column)} of {shown(path)}; got others.")
    for column in table.select_dtypes(exclude="number"):
        for text in table[column].dropna().astype(str):
            if not text.isprintable():
                raise InvalidInputError(f"Expected printable text in column {shown(column)} of {shown(path)}; got {shown(text)}.")


def _chosen(summary: "pd.DataFrame", rows: "pd.DataFrame") -> "pd.DataFrame":
    layers = set(zip(rows["reference_layer"], rows["target_layer"], strict=True))
    summary = summary[summary["similarity_measure"] == rows["similarity_measure"].iloc[0]]
    of_layers = [pair in layers for pair in zip(summary["reference_layer"], summary["target_layer"], strict=True)]
    return summary[of_layers]


def _over(row: Mapping[Hashable, Any]) -> str:
    """Return what an interval is over, with the number of inversion seeds; empty if there is no interval."""
    from stir.standard_errors import SEEDS

    over, n_seeds = row.get("interval_over"), row.get("n_inversion_seeds", math.nan)
    if not isinstance(over, str) or math.isnan(row.get("stir_low", math.nan)):
        return ""
    return over if math.isnan(n_seeds) else over.replace(SEEDS, f"{n_seeds:.0f} {SEEDS}")


def _numbers(row: Mapping[Hashable, Any], letters: Mapping[str, str]) -> Iterator[str]:
    low, high = row.get("stir_low", math.nan), row.get("stir_high", math.nan)
    flagged = "*" if isinstance(row.get("flags"), str) else " "
    yield f"{row['stir_mean']:.3f}{flagged}"
    yield "" if math.isnan(low) else f"{low:.3f} to {high:.3f} {letters.get(_over(row), '')}".rstrip()
    for name in ("similarity_mean", "stir_excess_mean"):
        value = row.get(name, math.nan)
        yield "" if math.isnan(value) else f"{value:.3f}"
    yield str(row["n_model_pairs"])


def _notes(letters: Mapping[str, str], over: Iterable[str]) -> Iterator[str]:
    from stir.standard_errors import IMAGES

    yield from (f"{letter} over {units}" for units, letter in letters.items())
    if narrow := [units for units in over if IMAGES not in units]:
        yield f"Intervals over {' or '.join(narrow)} alone do not say how the scores would change with other images."


def _flags(texts: Iterable[str]) -> set[str]:
    """Return the words of flags, without the models that they are about."""
    return {flag.split(" (")[0].strip() for text in texts for flag in text.split(";")}
