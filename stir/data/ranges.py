"""Check that images have their declared range, so that none is taken to be 255 times too dark."""

import numpy as np

from stir.errors import DatasetError

DARKEST = 8
"""The brightest pixel of a set is at least white divided by this; it is less for 4 bits in 8, 12 in 16 and [0, 1] in 255."""

ROUNDED = 1e-6
"""Tolerance of floating-point pixels beyond black or white, as a fraction of white; resizing in float32 overshoots by less."""


def check_range(images: np.ndarray, white_level: int, what: str, *, remedy: str) -> None:
    """Refuse images with pixels that are negative, NaN or above white, and sets that clearly have another range.

    Raises
    ------
    DatasetError
        With the expected and the actual range.
    """
    if not len(images):
        return
    least, most = images.min(), images.max()
    problem = f"Expected {what} from 0 (black) to {white_level} (white); got {least} to {most}"
    excess = ROUNDED * white_level if images.dtype.kind == "f" else 0
    if not (least >= -excess and most <= white_level + excess):
        raise DatasetError(f"{problem}. Undo the normalisation, which belongs to the model, or {remedy}.")
    in_unit_range = images.dtype.kind == "f" and most <= 1 + ROUNDED < white_level
    if DARKEST * float(most) < white_level or in_unit_range:
        raise DatasetError(f"{problem}: all images are nearly black, as if white had another value. To correct this, {remedy}.")
