"""Save figures as PNG and SVG, the same bit for bit each time."""

from pathlib import Path

import matplotlib
from matplotlib.figure import Figure

FORMATS = {"png": {"Software": None}, "svg": {"Date": None}}


def save_figure(figure: Figure, stem: Path) -> list[Path]:
    """Write a figure beside ``stem`` in every format, each whole or not at all."""
    paths = []
    with matplotlib.rc_context({"svg.hashsalt": "stir", "svg.fonttype": "none"}):
        for suffix, metadata in FORMATS.items():
            path = stem.with_name(f"{stem.name}.{suffix}")
            temporary = stem.with_name(f".{stem.name}.tmp.{suffix}")
            figure.savefig(temporary, metadata=metadata, dpi=160)
            temporary.rename(path)
            paths.append(path)
    return paths
