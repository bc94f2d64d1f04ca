"""Reference images, seed images and the IRIs that models cannot tell from the reference images."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stir.errors import InvalidInputError
from stir.plotting.marks import MARK, add_footnote, said
from stir.plotting.sizes import points
from stir.plotting.titles import add_title, inches_of, inches_of_lines

INCHES_PER_IMAGE = 0.8
LABEL_SIZE = 9
LEAST_IMAGES = 4
"""Whose width the title has, at least."""
LEAST_INCHES = 0.1
"""Of a picture, or of a cell of a matrix."""
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


def draw_pictures(
    rows: Sequence[ImageRow],
    title: str = "",
    *,
    width: float | None = None,
    caption: list[str] | None = None,
    figure: Figure | None = None,
) -> Figure:
    """Draw rows of pictures; the same column shows the same reference image. Flagged rows have a mark.

    Parameters
    ----------
    rows : sequence of ImageRow
        All of as many pictures.
    title : str
        Of the figure.
    width : float, optional
        Inches of the figure.
    caption : list, optional
        Title and notes are added to it in place of the figure.
    figure : Figure, optional
        An empty one to draw into.
    """
    count, height = len(rows[0].images), (1 + GAP) * len(rows)
    labels = 0.4 + max(inches_of(row.label, points(LABEL_SIZE)) for row in rows)
    image = INCHES_PER_IMAGE if width is None else inches_left(width - labels, count)
    width = width or labels + image * max(count, LEAST_IMAGES)
    above = inches_of_lines(title, width) if caption is None else 0.0
    size = width, image * (height + GAP) + above
    figure = figure or Figure()
    figure.set_size_inches(size)
    left, up = labels / width, 0.99 - above / size[1]
    axes = figure.add_axes((left, 0.005, image * count / width - 0.005, up))
    draw_rows(axes, rows)
    words = dict.fromkeys(word for row in rows for word in row.flags)
    notes = said({word: [row.model for row in rows if word in row.flags] for word in words})
    if caption is not None:
        caption += [title, notes]
        return figure
    if title:
        add_title(figure, title)
    add_footnote(figure, notes)
    return figure


def inches_left(inches: float, count: int) -> float:
    """Return how wide each of so many pictures, or cells, is in what is left beside their labels.

    Raises
    ------
    InvalidInputError
        If they would be too small to see.
    """
    if inches < LEAST_INCHES * count:
        raise InvalidInputError(
            f"Expected a width that leaves at least {LEAST_INCHES:g} inches for each of {count} columns beside their labels; "
            f"got {max(inches, 0):.2f} for all. Choose a larger width, a smaller font size, shorter names, or fewer columns."
        )
    return inches / count


def draw_rows(axes: Axes, rows: Sequence[ImageRow]) -> None:
    """Draw rows of pictures into axes, which then hold nothing else."""
    count, height = len(rows[0].images), (1 + GAP) * len(rows)
    for number, row in enumerate(rows):
        _draw_row(axes, row, top=number * (1 + GAP) + GAP)
    axes.set(xlim=(0, count), ylim=(height + GAP / 2, 0), aspect="equal")
    axes.set_axis_off()


def _draw_row(axes: Axes, row: ImageRow, *, top: float) -> None:
    label = f"{row.label}{MARK if row.flags else ''}"
    axes.text(-0.15, top + 0.5, label, ha="right", va="center", fontsize=points(LABEL_SIZE))
    for column, image in enumerate(row.images):
        shown = image[0] if len(image) == 1 else np.moveaxis(image, 0, -1)
        extent = (column + 0.04, column + 0.96, top + 0.98, top + 0.02)
        axes.imshow(shown, vmin=0, vmax=1, cmap="gray", interpolation="nearest", extent=extent)
        if row.errors is not None:
            missed = row.converged is not None and not row.converged[column]
            error = f"{row.errors[column]:.3f}{MARK if missed else ''}"
            axes.text(column + 0.5, top - 0.02, error, ha="center", va="bottom", fontsize=points(7))
