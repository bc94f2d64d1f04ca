"""The command ``stir show``: the summary of an experiment, and its heatmap, in the terminal."""

import json
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stir_workflow.commands.options import JSON, SCALE
from stir_workflow.commands.outdated import run_command, say_if_outdated
from stir_workflow.commands.summaries import check_table, print_summary
from stir_workflow.messages import plain_errors

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console

WIDTH_OF_LOGS = 120
"""Columns where the output is no terminal."""
MOST_MODELS = 24
NAMES = {"stir": "STIR", "similarity": "plain similarity", "stir_excess": "excess over noise"}


@click.command()
@click.argument("experiment", metavar="EXPERIMENT|TABLE")
@SCALE
@click.option("--layer", help="By default the last one of the table.")
@click.option("--measure", help="Similarity measure; by default the first one of the table.")
@click.option("--score", type=click.Choice(list(NAMES)), default="stir", show_default=True, help="Shown in the heatmap.")
@JSON
def show(experiment: str, scale: str | None, layer: str | None, measure: str | None, score: str, as_json: bool) -> None:
    """Show the scores of EXPERIMENT, a name or a path, or of a TABLE, such as results/tables/NAME.csv.

    The heatmap has references in rows and targets in columns, each score a mean over inversion seeds; * marks scores with a
    flag. The summary has a row for each pair of groups of models, with its interval. Flags are explained in docs/warnings.md.
    A line says so if the table of an EXPERIMENT is of other settings or images than those of now.

    Example: stir show quickstart --measure rbf_cka
    """
    with plain_errors():
        path = table_of(experiment, scale)
        if as_json:
            click.echo(_json(chosen_rows(_read(path), layer, measure)))
        else:
            show_table(path, layer, measure, score)
        if not experiment.endswith(".csv"):
            say_if_outdated(experiment, scale)


def table_of(experiment: str, scale: str | None) -> Path:
    """Return the table of an experiment, or one that is named by its path.

    Raises
    ------
    StirError
        If there is none.
    """
    from stir.errors import InvalidInputError
    from stir.names import shown
    from stir_workflow.planning.reading import find_experiment, read_experiment

    if experiment.endswith(".csv"):
        if not Path(experiment).is_file():
            raise InvalidInputError(f"Expected a table at {shown(experiment)}; there is none. Correct the path.")
        return Path(experiment)
    path = find_experiment(experiment)
    name = read_experiment(path).name(scale)
    table = Path("results/tables", f"{name}.csv")
    if not table.is_file():
        raise InvalidInputError(
            f"Expected tables of {name!r} in results/tables; there is no {table.name}: the experiment is not finished here. "
            f"Run it: {run_command(experiment, scale)}"
        )
    return table


def _read(path: Path) -> "pd.DataFrame":
    import pandas as pd

    from stir.errors import InvalidInputError
    from stir.names import shown
    from stir.tables import ROW_KEYS, SCORES, read_table

    needed = {*ROW_KEYS, "target_layer", *SCORES[:1], "similarity"}
    try:
        table = read_table(path)
    except (OSError, ValueError, pd.errors.ParserError) as error:
        raise InvalidInputError(f"Expected a table of scores in {shown(path)}; it cannot be read ({shown(error)}).") from error
    if missing := sorted(needed - {*table}):
        raise InvalidInputError(
            f"Expected a table of scores in {shown(path)}, such as results/tables/NAME.csv; it has no {', '.join(missing)}. "
            "Name a table of scores."
        )
    check_table(table, path)
    return table


def chosen_rows(table: "pd.DataFrame", layer: str | None, measure: str | None) -> "pd.DataFrame":
    """Return the rows of one layer and measure; by default of the last layer and the first measure.

    Raises
    ------
    InvalidInputError
        If the table has no such rows, with near matches.
    """
    from stir.errors import check_known
    from stir.table_layers import layer_name, layer_positions

    positions = layer_positions(table)
    names = {layer_name(rows): position for position, rows in table.groupby(positions)}
    measures = list(dict.fromkeys(table["similarity_measure"]))
    if layer is not None:
        check_known("layer of the table", layer, names)
    if measure is not None:
        check_known("similarity measure of the table", measure, measures)
    position = list(names.values())[-1] if layer is None else names[layer]
    return table[(positions == position) & (table["similarity_measure"] == (measure or measures[0]))]


def show_table(path: Path, layer: str | None = None, measure: str | None = None, score: str = "stir") -> None:
    """Print heatmap and summary of a table of scores, with colours in a terminal."""
    from rich.console import Console

    from stir.errors import InvalidInputError
    from stir.table_layers import layer_name

    rows = chosen_rows(_read(path), layer, measure)
    if score not in rows:
        raise InvalidInputError(f"Expected a column {score} in {path}; there is none, it is an older table. Run the experiment.")
    console = Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH_OF_LOGS)
    title = f"{NAMES[score]}, {layer_name(rows)}, {rows['similarity_measure'].iloc[0]}"
    with console.capture() as printed:
        for dataset, of_dataset in rows.groupby("images_dataset", sort=False):
            console.print(f"{title}, {dataset}: reference in rows, target in columns", markup=False)
            _print_heatmap(console, of_dataset, score)
        print_summary(console, path, rows)
    # Tables are padded to the right.
    click.echo("\n".join(line.rstrip() for line in printed.get().splitlines()))


def _print_heatmap(console: "Console", rows: "pd.DataFrame", score: str) -> None:
    from rich.table import Table
    from rich.text import Text

    references, targets = (list(dict.fromkeys(rows[f"{side}_model"]))[:MOST_MODELS] for side in ("reference", "target"))
    cells = {pair: _cell(of_pair, score) for pair, of_pair in rows.groupby(["reference_model", "target_model"])}
    grid = Table(box=None, padding=(0, 1, 0, 0), show_edge=False)
    grid.add_column("", no_wrap=True, overflow="ellipsis")
    for number in range(len(targets)):
        grid.add_column(str(number), justify="right", no_wrap=True)
    for number, reference in enumerate(references):
        values = [cells.get((reference, target), (math.nan, "")) for target in targets]
        grid.add_row(Text(f"{number} {reference}"), *(Text(text, style=_style(value)) for value, text in values))
    console.print(grid)
    if len(targets) != len(references) or targets != references:
        console.print("Targets: " + ", ".join(f"{number} {target}" for number, target in enumerate(targets)), markup=False)
    if len({*rows["reference_model"], *rows["target_model"]}) > MOST_MODELS:
        console.print(f"The first {MOST_MODELS} models are shown.")


def _cell(rows: "pd.DataFrame", score: str) -> tuple[float, str]:
    value = float(rows[score].mean(skipna=False))
    flagged = "*" if "flags" in rows and rows["flags"].notna().any() else " "
    return value, "none" if math.isnan(value) else f"{value:.2f}{flagged}"


def _style(value: float) -> str:
    """Return the colour of a score: light for 1, dark for 0, as in figures."""
    from matplotlib import colormaps

    if math.isnan(value):
        return ""
    red, green, blue, _ = colormaps["viridis"](min(max(value, 0.0), 1.0), bytes=True)
    return f"{'black' if value > 0.5 else 'white'} on rgb({red},{green},{blue})"


def _json(rows: "pd.DataFrame") -> str:
    records = json.loads(rows.to_json(orient="records"))
    return json.dumps(records, indent=1)
