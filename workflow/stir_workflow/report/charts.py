"""Charts of the page: written in Vega-Lite, compiled to Vega here; the page fills in the rows that are chosen.

Colours are names of the page's own style sheet, so that a chart follows light, dark and print without being drawn again.
"""

from functools import cache
from typing import Any

import altair as alt
import vl_convert

BAR = "M-.16,-1.1h.32v2.2h-.32Z"
"""A shape: an upright bar."""
KINDS = {
    "STIR": ("circle", "var(--accent)"),
    "plain similarity": ("diamond", "var(--c3)"),
    "ceiling": (BAR, "var(--ink)"),
    "noise": ("cross", "var(--c2)"),
    "untrained": ("triangle-up", "var(--c4)"),
    "seed images": ("square", "var(--c5)"),
    "null, 95th percentile": ("triangle-down", "var(--c6)"),
}
"""What stands on the scale of a score -> shape and colour."""
COLOURS = [f"var(--c{number})" for number in range(1, 9)]
ROWS = alt.NamedData("rows")
LEGENDS = {
    side: {"anchor": "start", "bounds": "full", "direction": "vertical", "center": False, "margin": 6}
    for side in ("top", "bottom")
}
"""Legends begin where the names of rows do."""
FONT = "Inter, system-ui, sans-serif"


@cache
def specifications() -> dict[str, dict[str, Any]]:
    """Return the charts by name; each takes its data as ``rows``."""
    charts: dict[str, alt.Chart | alt.LayerChart | alt.FacetChart] = {
        "bullets": _bullets(),
        "layers": _layers(),
        "accuracies": _accuracies(),
        "learning": _learning(),
        "convergence": _convergence(),
        "stopped": _stopped(),
    }
    return {name: _finished(chart) for name, chart in charts.items()}


def _bullets() -> alt.LayerChart | alt.FacetChart:
    """Scores between floor and ceiling: one line per ``row``."""
    axis = alt.Axis(labelLimit=330, labelPadding=10, domain=False, ticks=False, labelExpr="split(datum.label, '\\n')")
    base = alt.Chart(ROWS).encode(y=alt.Y("row:N", sort=None, title=None, axis=axis))
    x = alt.X("floor:Q", title="score", scale=alt.Scale(zero=True, nice=True))
    room = base.mark_bar(height=16, color="var(--room)", cornerRadius=2).encode(x=x, x2="ceiling:Q")
    interval = base.mark_rule(strokeWidth=5, color="var(--accent)", opacity=0.45, strokeCap="round").encode(
        x="low:Q", x2="high:Q"
    )
    names = list(KINDS)
    scales = [alt.Scale(domain=names, range=[kind[place] for kind in KINDS.values()]) for place in range(2)]
    legend = alt.Legend(title=None, orient="bottom", columns=4, labelLimit=260)
    points = (
        base.transform_fold([*names], as_=["kind", "value"])
        .transform_filter(alt.expr.isValid(alt.datum.value))
        .mark_point(filled=True, opacity=1, size=85)
        .encode(
            x="value:Q",
            shape=alt.Shape("kind:N", scale=scales[0], legend=legend),
            color=alt.Color("kind:N", scale=scales[1], legend=legend),
            tooltip=["row:N", "kind:N", alt.Tooltip("value:Q", format=".3f")],
        )
    )
    return alt.layer(room, interval, points).properties(height=alt.Step(34))


def _layers() -> alt.LayerChart | alt.FacetChart:
    x = alt.X("layer:O", sort=None, title="layer", axis=alt.Axis(labelAngle=-30, labelLimit=140))
    base = alt.Chart(ROWS).encode(x=x)
    band = base.mark_rule(strokeWidth=5, opacity=0.4, color="var(--accent)", strokeCap="round").encode(y="low:Q", y2="high:Q")
    names = ["STIR", "plain similarity", "ceiling", "noise", "untrained"]
    colours = alt.Scale(domain=names, range=[KINDS[name][1] for name in names])
    dashes = alt.Scale(domain=names, range=[[1, 0], [6, 3], [2, 2], [8, 2, 2, 2], [3, 5]])
    shapes = alt.Scale(domain=names, range=[KINDS[name][0].replace(BAR, "square") for name in names])
    legend = alt.Legend(title=None, orient="bottom", columns=5, symbolStrokeWidth=0)
    lines = base.encode(
        y=alt.Y("value:Q", title="score", scale=alt.Scale(nice=True)),
        color=alt.Color("kind:N", scale=colours, legend=legend),
        tooltip=["layer:O", "kind:N", alt.Tooltip("value:Q", format=".3f")],
    )
    drawn = lines.mark_line(strokeWidth=1.8).encode(strokeDash=alt.StrokeDash("kind:N", scale=dashes, legend=None))
    points = lines.mark_point(filled=True, opacity=1, size=45).encode(shape=alt.Shape("kind:N", scale=shapes, legend=legend))
    return alt.layer(band, drawn, points).properties(height=230)


def _accuracies() -> alt.LayerChart | alt.FacetChart:
    base = alt.Chart(ROWS).encode(
        x=alt.X("accuracy:Q", title="accuracy", axis=alt.Axis(format="%"), scale=alt.Scale(domain=[0, 1])),
        y=alt.Y(
            "model:N", sort=None, title=None, axis=alt.Axis(labelLimit=240, labelPadding=10, domain=False, ticks=False, grid=True)
        ),
    )
    legend = alt.Legend(title=None, orient="top", labelLimit=320, columns=2)
    colours = alt.Scale(range=["var(--accent)", *COLOURS[1:]])
    shapes = alt.Scale(range=["circle", "triangle-up", "square", "diamond", "cross"])
    return alt.layer(
        base.mark_point(filled=True, opacity=1, size=70).encode(
            color=alt.Color("kind:N", sort=None, scale=colours, legend=legend),
            shape=alt.Shape("kind:N", sort=None, scale=shapes, legend=legend),
            tooltip=["model:N", "kind:N", alt.Tooltip("accuracy:Q", format=".1%")],
        )
    ).properties(height=alt.Step(20))


def _learning() -> alt.Chart:
    return (
        alt.Chart(ROWS)
        .mark_line(strokeWidth=1.5, opacity=0.85)
        .encode(
            x=alt.X("epoch:Q", title="epoch", axis=alt.Axis(tickMinStep=1, format="d")),
            y=alt.Y("value:Q", title="accuracy", axis=alt.Axis(format="%")),
            color=alt.Color("label:N", sort=None, **_label_style()),
            strokeDash=alt.StrokeDash(
                "kind:N",
                scale=alt.Scale(domain=["clean", "robust"], range=[[1, 0], [5, 3]]),
                legend=alt.Legend(title=None, orient="bottom", symbolStrokeColor="var(--ink)"),
            ),
            detail="model:N",
            tooltip=["model:N", "kind:N", "epoch:Q", alt.Tooltip("value:Q", format=".1%")],
        )
        .properties(height=260)
    )


def _convergence() -> alt.LayerChart | alt.FacetChart:
    base = alt.Chart(ROWS)
    lines = base.mark_line(strokeWidth=1.8, point=alt.OverlayMarkDef(size=18)).encode(
        x=alt.X("evaluations:Q", title="evaluations of the model per image"),
        y=alt.Y("error:Q", title="median inversion error", scale=alt.Scale(type="log"), axis=alt.Axis(tickCount=5, format="~g")),
        color=alt.Color("label:N", sort=None, **_label_style()),
        detail="model:N",
        tooltip=["model:N", "evaluations:Q", alt.Tooltip("error:Q", format=".3f")],
    )
    tolerance = base.mark_rule(strokeDash=[4, 3], color="var(--muted)").encode(y="tolerance:Q")
    return alt.layer(lines, tolerance).properties(height=220)


def _stopped() -> alt.Chart:
    return (
        alt.Chart(ROWS)
        .mark_line(strokeWidth=1.8, interpolate="step-after")
        .encode(
            x=alt.X("evaluations:Q", title="evaluations of the model per image"),
            y=alt.Y("fraction:Q", title="fraction of images", axis=alt.Axis(format="%"), scale=alt.Scale(domain=[0, 1])),
            color=alt.Color("label:N", sort=None, **_label_style()),
            detail="model:N",
            tooltip=["model:N", "evaluations:Q", alt.Tooltip("fraction:Q", format=".1%")],
        )
        .properties(height=220)
    )


def _label_style() -> dict[str, Any]:
    return {"scale": alt.Scale(range=COLOURS), "legend": alt.Legend(title=None, orient="bottom", columns=2, labelLimit=200)}


def _finished(chart: alt.Chart | alt.LayerChart | alt.FacetChart) -> dict[str, Any]:
    chart = chart.properties(width="container", autosize=alt.AutoSizeParams(type="fit-x", contains="padding")).configure(
        background="transparent",
        font=FONT,
        aria=False,
        view=alt.ViewConfig(stroke=None),
        axis=alt.AxisConfig(
            labelColor="var(--muted)",
            titleColor="var(--muted)",
            titleFontWeight="normal",
            gridColor="var(--line)",
            domainColor="var(--rule)",
            tickColor="var(--rule)",
            labelFontSize=12,
            titleFontSize=12,
        ),
        legend=alt.LegendConfig(labelColor="var(--ink)", labelFontSize=12),
    )
    compiled: dict[str, Any] = vl_convert.vegalite_to_vega(chart.to_dict())
    compiled["config"]["legend"]["layout"] = LEGENDS  # Vega-Lite has no name for it
    return compiled
