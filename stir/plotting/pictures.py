"""Reference images, seed images and the IRIs that models cannot tell from the reference images."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stir.plotting.marks import MARK, add_footnote, said
from stir.plotting.titles import INCHES_PER_LINE, add_title, inches_of, lines_of

INCHES_PER_IMAGE = 0.8
LABEL_SIZE = 9
LEAST_IMAGES = 4
"""Whose width the title has, at least."""
GAP = 0.25
"""Between rows, as a fraction of an image's height; the errors stand there."""


@dataclass(frozen=True)
class ImageRow:
    """Pictures to show beside each other."""

    label: str
    images: np.ndarray
    """(n, channels, height, width) in [0, 1]."""
    errors: np.ndarray | None = None
    """Inversion error of each, written above it."""
    converged: np.ndarray | None = None
    """Whether each reached the tolerance; the error of one that did not has a mark."""
    model: str = ""
    """That the pictures are of."""
    flags: Sequence[str] = field(default_factory=tuple)
    """What speaks against them: words of `stir.flags`."""


def draw_pictures(rows: Sequence[ImageRow], title: str = "") -> Figure:
    """Draw rows of pictures; the same column shows the same reference image. Flagged rows have a mark."""
    count, height = len(rows[0].images), (1 + GAP) * len(rows)
    labels = 0.4 + max(inches_of(row.label, LABEL_SIZE) for row in rows)
    width = labels + INCHES_PER_IMAGE * max(count, LEAST_IMAGES)
    above = INCHES_PER_LINE * len(lines_of(title, width))
    size = width, INCHES_PER_IMAGE * (height + GAP) + above
    figure = Figure(figsize=size)
    left, up = labels / width, 0.99 - above / size[1]
    axes = figure.add_axes((left, 0.005, INCHES_PER_IMAGE * count / width - 0.005, up))
    if title:
        add_title(figure, title)
    for number, row in enumerate(rows):
        _draw_row(axes, row, top=number * (1 + GAP) + GAP)
    axes.set(xlim=(0, count), ylim=(height + GAP / 2, 0), aspect="equal")
    axes.set_axis_off()
    words = dict.fromkeys(word for row in rows for word in row.flags)
    add_footnote(figure, said({word: [row.model for row in rows if word in row.flags] for word in words}))
    return figure


def _draw_row(axes: Axes, row: ImageRow, *, top: float) -> None:
    label = f"{row.label}{MARK if row.flags else ''}"
    axes.text(-0.15, top + 0.5, label, ha="right", va="center", fontsize=LABEL_SIZE)
    for column, image in enumerate(row.images):
        shown = image[0] if len(image) == 1 else np.moveaxis(image, 0, -1)
        extent = (column + 0.04, column + 0.96, top + 0.98, top + 0.02)
        axes.imshow(shown, vmin=0, vmax=1, cmap="gray", interpolation="nearest", extent=extent)
        if row.errors is not None:
            missed = row.converged is not None and not row.converged[column]
            error = f"{row.errors[column]:.3f}{MARK if missed else ''}"
            axes.text(column + 0.5, top - 0.02, error, ha="center", va="bottom", fontsize=7)
