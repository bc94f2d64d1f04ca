"""Save figures as PNG, SVG and PDF, the same bit for bit each time."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure

from stir.errors import check_known
from stir.files import temporary_beside
from stir.names import DEFAULT_FORMATS

FORMATS: dict[str, dict[str, None]] = {"png": {"Software": None}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}
"""Suffix -> what files would hold that differs each time."""
TEXT_STAYS_TEXT: Any = {"svg.hashsalt": "stir", "svg.fonttype": "none", "pdf.fonttype": 42}
DOTS_PER_INCH = 160


def save_figure(figure: Figure, stem: Path, formats: Sequence[str] = DEFAULT_FORMATS) -> list[Path]:
    """Write a figure beside ``stem`` in some formats, each whole or not at all."""
    return [save_as(figure, stem.with_name(f"{stem.name}.{suffix}")) for suffix in formats]


def save_as(figure: Figure, path: Path, *, dots_per_inch: float = DOTS_PER_INCH) -> Path:
    """Write a figure in the format of the path's suffix, whole or not at all.

    Raises
    ------
    InvalidInputError
        If there is no such format.
    """
    suffix = path.suffix.removeprefix(".").lower()
    check_known("format of a figure", suffix, FORMATS)
    with matplotlib.rc_context(TEXT_STAYS_TEXT), temporary_beside(path) as temporary:
        figure.savefig(temporary, format=suffix, metadata=FORMATS[suffix], dpi=dots_per_inch)
        temporary.rename(path)
    return path


def save_drawn(draw: Callable[[], Figure], stem: Path, formats: Sequence[str] = DEFAULT_FORMATS) -> list[Path]:
    """Draw a figure, and save it as `save_figure` does."""
    return save_figure(draw(), stem, formats)
