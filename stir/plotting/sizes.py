"""Sizes of figures, and of letters: these grow and shrink with matplotlib's ``font.size``, for which figures are drawn at 10."""

from collections.abc import Iterator
from contextlib import contextmanager

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stir.errors import InvalidInputError

FONT_SIZE = 8.5
"""Points of digits and of names of models, where nothing else is asked for."""
FONT_SIZE_OF_WIDTH = 6.5
"""The same where a figure's width is given, as a column of a paper has it."""
LEAST_FONT_SIZE, LARGEST_FONT_SIZE = 3, 60
LEAST_WIDTH, LARGEST_WIDTH = 1.0, 100.0
"""Inches of a figure."""


def scale() -> float:
    """Return how much larger letters are than usual."""
    return float(matplotlib.rcParams["font.size"]) / 10


def points(size: float) -> float:
    """Return a font size that is usually this one."""
    return size * scale()


@contextmanager
def letters_of(font_size: float | None, width: float | None) -> Iterator[None]:
    """Draw digits and names in this size, and everything else in proportion.

    Parameters
    ----------
    font_size : float, optional
        Points; by default `FONT_SIZE`, or `FONT_SIZE_OF_WIDTH` where a width is given.
    width : float, optional
        Inches of the figure; by default as wide as it needs.

    Raises
    ------
    InvalidInputError
        If one of them is no number, or beyond what can be read or drawn.
    """
    for name, value, low, high in (
        ("font_size", font_size, LEAST_FONT_SIZE, LARGEST_FONT_SIZE),
        ("width", width, LEAST_WIDTH, LARGEST_WIDTH),
    ):
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high):
            unit = "points" if name == "font_size" else "inches"
            raise InvalidInputError(f"Expected {name} from {low:g} to {high:g} {unit}; got {value!r}. Choose such a number.")
    if font_size is None and width is None:
        yield
        return
    wanted = font_size or FONT_SIZE_OF_WIDTH
    with matplotlib.rc_context({"font.size": 10 * wanted / FONT_SIZE}):
        yield


def inches_of(ax: Axes) -> float:
    """Return how wide axes are."""
    figure = ax.get_figure(root=True)
    if figure is None:
        raise InvalidInputError("Expected axes of a figure as ax; got axes of none. Make them by plt.subplots().")
    return float(ax.get_position().width * figure.get_figwidth())


def new_figure() -> Figure:
    """Return a new figure that notebooks and `matplotlib.pyplot.show` show."""
    from matplotlib import pyplot as plt

    return plt.figure()
