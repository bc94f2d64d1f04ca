"""Render the table and the figure of the panel from docs/benchmarks/panel.csv alone; a test renders the table again."""

from pathlib import Path
from typing import Any

import pandas as pd

ROOT = Path(__file__).resolve().parent.parent
SHOWN = ROOT / "docs" / "benchmarks"
PANEL, FIGURE = SHOWN / "panel.csv", SHOWN / "panel.png"
PAGE = ROOT / "docs" / "benchmarks.md"
BEGIN, END = "<!-- panel: rendered by make bench-panel -->\n", "<!-- end of panel -->\n"
KEY = ["network", "layer", "method"]
LEVELS = (0.2, 0.15, 0.1)
MARKS = (1, 2, 3, 5, 7, 10, 15, 20, 30, 40, 50, 60, 80, 100, 120, 150)
"""Evaluations after which the file holds the best error."""
NAMES = {
    "lite0": "EfficientNet-Lite0",
    "lite1": "EfficientNet-Lite1",
    "lite2": "EfficientNet-Lite2",
    "resnet18": "ResNet18, vanilla",
    "resnet18-at": "ResNet18, AT",
    "vgg16": "VGG16, vanilla",
    "vgg16-at": "VGG16, AT",
    "resnet50-untrained": "ResNet50, untrained",
    "convnext-untrained": "ConvNeXt-T, untrained",
    "vit-untrained": "ViT-Ti/16, untrained",
}
LAYERS = ("penultimate", "middle")
COLUMNS = 4
"""Of the figure."""
LINES = ("-", "--", "-.", ":")
"""Dashes show the line below, where methods do the same."""


def keep(rows: pd.DataFrame, path: Path = PANEL) -> None:
    """Write rows into the file in place of those of the same network, layer and method."""
    kept = pd.read_csv(path) if path.is_file() else rows.iloc[:0]
    others = kept[~kept.set_index(KEY).index.isin(rows.set_index(KEY).index)]
    table = pd.concat([part for part in (others, rows) if len(part)], ignore_index=True).sort_values([*KEY, "image"])
    new = path.with_suffix(".part")
    table.to_csv(new, index=False, float_format="%.5g")
    new.rename(path)


def ordered(table: pd.DataFrame) -> list[tuple[tuple[str, str, str], pd.DataFrame]]:
    """Return the rows per network, layer and method, in the order of the table."""
    groups = [((str(network), str(layer), str(method)), rows) for (network, layer, method), rows in table.groupby(KEY)]
    networks = list(NAMES)
    return sorted(groups, key=lambda group: (networks.index(group[0][0]), LAYERS.index(group[0][1]), group[0][2]))


def markdown(table: pd.DataFrame) -> str:
    """Return the table, a row per network, layer and method."""
    head = ["network", "layer", "method", *(f"to {level}" for level in LEVELS)]
    head += [*(f"distance at {level}" for level in LEVELS), "median error", "largest", "ms"]
    lines = [head, ["---"] * len(head)]
    for (network, layer, method), rows in ordered(table):
        cells = [NAMES[network], layer, f"`{method}`", *(_evaluations(rows, level) for level in LEVELS)]
        cells += [_distance(rows, level) for level in LEVELS]
        cells += [f"{rows['error'].median():.3f}", f"{rows['error'].max():.3f}"]
        lines.append([*cells, f"{1e3 * rows['seconds_per_evaluation'].iloc[0]:.3g}"])
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def _evaluations(rows: pd.DataFrame, level: float) -> str:
    """Return median and 90th percentile over images; an image that did not come there counts as one that never does."""
    budget = int(rows["budget"].iloc[0])
    reached = rows[f"evaluations_to_{level}"].fillna(float("inf"))
    quantiles = [reached.quantile(quantile, interpolation="higher") for quantile in (0.5, 0.9)]
    return " / ".join(f"> {budget}" if value == float("inf") else f"{value:.0f}" for value in quantiles)


def _distance(rows: pd.DataFrame, level: float) -> str:
    """Return the median distance over the images that came there, and how many did unless all."""
    distances = rows[f"distance_at_{level}"].dropna()
    if not len(distances):
        return ""
    return f"{distances.median():.3g}" + ("" if len(distances) == len(rows) else f" ({len(distances)})")


def section(table: pd.DataFrame) -> str:
    """Return everything between the marks on the page."""
    sizes = sorted(table.groupby(KEY).size().unique())
    n = str(sizes[0]) if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]}"
    versions = ", ".join(sorted(table["version"].unique()))
    threads = ", ".join(map(str, sorted(table["threads"].unique())))
    return (
        f"{BEGIN}\n![Best inversion error against evaluations](benchmarks/panel.png)\n\n{markdown(table)}\n"
        f"n = {n} images per row, seed images `normal_noise` with random seed 0; CPU, threads: {threads}; {versions}\n\n{END}"
    )


def page_with(text: str, rendered: str) -> str:
    """Return the page with the section in place of the one between its marks."""
    before, _, rest = text.partition(BEGIN)
    return before + rendered + rest.partition(END)[2]


def draw(table: pd.DataFrame) -> None:
    """Draw the median best error against evaluations, a panel per network and layer."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    groups = ordered(table)
    places = list(dict.fromkeys(key[:2] for key, _ in groups))
    methods = sorted({key[2] for key, _ in groups})
    n_columns = min(COLUMNS, len(places))
    n_rows = -(-len(places) // n_columns)
    figure, axes = plt.subplots(
        n_rows,
        n_columns,
        figsize=(3 * n_columns, 2.3 * n_rows + 1),
        sharex=True,
        sharey=True,
        layout="constrained",
        squeeze=False,
    )
    for (network, layer, method), rows in groups:
        panel = axes.flat[places.index((network, layer))]
        marks = [mark for mark in MARKS if rows[f"error_{mark}"].notna().all()]
        errors = rows[[f"error_{mark}" for mark in marks]]
        number = methods.index(method)
        (line,) = panel.plot(
            marks, errors.median(), color=f"C{number}", linestyle=("-", "--", "-.", ":")[number % 4], label=method
        )
        panel.fill_between(marks, *(errors.quantile(q) for q in (0.1, 0.9)), color=line.get_color(), alpha=0.12, linewidth=0)
        panel.set_title(f"{NAMES[network]}\n{layer}", fontsize=9)
    for number, panel in enumerate(axes.flat):
        if number < len(places):
            _scale(panel)
        else:
            panel.axis("off")
    handles = {line.get_label(): line for panel in axes.flat for line in panel.get_lines()}
    figure.legend(handles.values(), handles.keys(), loc="outside upper center", ncols=len(handles))
    figure.supxlabel("evaluations per image")
    figure.supylabel("best inversion error")
    figure.savefig(FIGURE, dpi=110)
    plt.close(figure)


def _scale(panel: Any) -> None:
    """Give axes logarithmic scales with few ticks."""
    from matplotlib.ticker import NullLocator

    panel.set_xscale("log")
    panel.set_yscale("log")
    panel.set_yticks([0.1, 0.2, 0.5, 1], ["0.1", "0.2", "0.5", "1"])
    panel.set_xticks([1, 3, 10, 30, 100], ["1", "3", "10", "30", "100"])
    panel.yaxis.set_minor_locator(NullLocator())
    panel.xaxis.set_minor_locator(NullLocator())
    panel.grid(alpha=0.3)


def render() -> None:
    """Draw the figure, and write the table into docs/benchmarks.md."""
    table = pd.read_csv(PANEL)
    draw(table)
    PAGE.write_text(page_with(PAGE.read_text(encoding="utf-8"), section(table)), encoding="utf-8")
