"""Save figures as PNG and SVG, the same bit for bit each time."""

from collections.abc import Callable
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure

from stir.files import temporary_beside

FORMATS = {"png": {"Software": None}, "svg": {"Date": None}}


def save_figure(figure: Figure, stem: Path) -> list[Path]:
    """Write a figure beside ``stem`` in every format, each whole or not at all."""
    paths = []
    with matplotlib.rc_context({"svg.hashsalt": "stir", "svg.fonttype": "none"}):
        for suffix, metadata in FORMATS.items():
            path = stem.with_name(f"{stem.name}.{suffix}")
            with temporary_beside(path) as temporary:
                figure.savefig(temporary, metadata=metadata, dpi=160)
                temporary.rename(path)
            paths.append(path)
    return paths


def save_drawn(draw: Callable[[], Figure], stem: Path) -> list[Path]:
    """Draw a figure, and save it as `save_figure` does."""
    return save_figure(draw(), stem)
