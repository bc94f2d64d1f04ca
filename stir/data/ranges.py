"""Whether images are of the range that is declared for them, so that none is taken for 255 times too dark."""

import numpy as np

from stir.errors import DatasetError

DARKEST = 8
"""The brightest pixel of a set is not under white divided by this: 4 bits in 8, 12 in 16 and 0 to 1 in 255 are."""

ROUNDED = 1e-6
"""Floating-point pixels may be so far beyond black or white, as a part of white: resizing in float32 overshoots by less."""


def check_range(images: np.ndarray, white_level: int, what: str, *, remedy: str) -> None:
    """Refuse images with pixels that are negative, NaN or above white, and a set that is plainly of another range.

    Raises
    ------
    DatasetError
        With the range that was expected and the one that came.
    """
    if not len(images):
        return
    least, most = images.min(), images.max()
    problem = f"Expected {what} from 0 (black) to {white_level} (white); got {least} to {most}"
    excess = ROUNDED * white_level if images.dtype.kind == "f" else 0
    if not (least >= -excess and most <= white_level + excess):
        raise DatasetError(f"{problem}. Undo a normalisation, which is the model's part, or {remedy}.")
    in_unit_range = images.dtype.kind == "f" and most <= 1 + ROUNDED < white_level
    if DARKEST * float(most) < white_level or in_unit_range:
        raise DatasetError(f"{problem}: nearly black, all of them, as if white were another number. To mend it, {remedy}.")
