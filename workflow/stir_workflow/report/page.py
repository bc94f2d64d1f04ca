"""The report as one HTML text: nothing is fetched when it is opened, and nothing but its own scripts can run."""

import base64
import hashlib
from dataclasses import asdict
from functools import cache
from typing import Any

import jinja2
import vl_convert

from stir_workflow.report import charts, galleries, matrices, palette
from stir_workflow.report.content import Report

SCRIPTS = (
    "elements.js",
    "state.js",
    "charts.js",
    "cell.js",
    "matrix.js",
    "keys.js",
    "pair.js",
    "gallery.js",
    "training.js",
    "start.js",
)
"""Run as one script, in this order."""

SHOWN_FINDINGS = 3
"""Findings on the first screen, above the matrices; the others are folded."""


def render(report: Report) -> str:
    """Return the page.

    Texts of a report come from users: templates escape them, data are JSON that cannot end its element, scripts set only texts.
    The page's policy allows the hashes of its own scripts and style, and pictures within the page; everything else is blocked.
    """
    environment = _environment()
    style = environment.get_template("style.css").render() + palette.rules()
    library, script = _library(), _script(environment)
    text = environment.get_template("page.html").render(
        report=report,
        shown_findings=SHOWN_FINDINGS,
        style=style,
        library=library,
        script=script,
        policy=_policy(style, [library, script]),
        data=_data(report),
        blocks=matrices.blocks(report),
    )
    return text.encode(errors="replace").decode()  # half of a surrogate pair can stand in a name, not in a file


def _environment() -> jinja2.Environment:
    loader = jinja2.PackageLoader("stir_workflow.report")
    environment = jinja2.Environment(
        loader=loader,
        autoescape=lambda name: name is not None and name.endswith(".html"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.policies["json.dumps_kwargs"] = {"allow_nan": False, "separators": (",", ":"), "ensure_ascii": False}
    environment.filters["number"] = lambda value, digits=3: "–" if value is None else f"{value:.{digits}f}".replace("-", "−")
    environment.filters["percent"] = lambda value: "–" if value is None else f"{value:.1%}"
    environment.filters["duration"] = _duration
    return environment


@cache
def _library() -> str:
    """Return Vega-Embed with Vega and Vega-Lite as one script, which the package vl-convert contains."""
    bundle = vl_convert.javascript_bundle()  # type: ignore[call-arg]  # its stub makes the snippet obligatory
    return bundle.replace("</script", "<\\/script")


def _script(environment: jinja2.Environment) -> str:
    parts = [environment.get_template(name).render() for name in SCRIPTS]
    return "(() => {\n'use strict';\n" + "\n".join(parts) + "\n})();"


def _policy(style: str, scripts: list[str]) -> str:
    allowed = " ".join(_hash(script) for script in scripts)
    parts = ["default-src 'none'", "img-src data:", f"style-src {_hash(style)}", f"script-src {allowed}"]
    return "; ".join([*parts, "base-uri 'none'", "form-action 'none'"])


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode('ascii')}'"


def _data(report: Report) -> dict[str, Any]:
    """Return what scripts need besides the matrices and pictures."""
    names = (
        "groups",
        "layers",
        "similarity_measures",
        "images_datasets",
        "layer",
        "similarity_measure",
        "images_dataset",
        "flag_meanings",
    )
    return {
        **{name: getattr(report, name) for name in names},
        "models": [asdict(model) for model in report.models],
        "readings": matrices.READINGS,
        "steps": palette.STEPS,
        "small": galleries.SMALL,
        "charts": charts.specifications(),
        "kinds": list(charts.KINDS),
        "galleries": galleries.shared_galleries(report.galleries),
        "agreements": galleries.agreements(report),
        "pictures": galleries.pictures(report.images),
    }


def _duration(seconds: float) -> str:
    """Return a time as people read it."""
    if seconds < 100:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.1f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
