"""Image files -> arrays; strict about size and channels."""

import io
from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
from PIL import Image

from stir.data.image_files import ImageFiles
from stir.errors import DatasetError
from stir.progress import SECONDS_BETWEEN_LINES, progress_bar

Prepare: TypeAlias = Callable[[Image.Image], Image.Image]
"""What is done to each image before it becomes an array."""

MODES = {1: "L", 3: "RGB", 4: "RGBA"}
"""Channels -> what Pillow calls such an image."""


def decode(files: ImageFiles, names: Sequence[str], shape: tuple[int, int, int], prepare: Prepare | None = None) -> np.ndarray:
    """Decode image files.

    Parameters
    ----------
    files : ImageFiles
        Where they are.
    names : sequence of str
        Which of them, n.
    shape : tuple of int
        (channels, height, width) that every image must have.
    prepare : callable, optional
        What is done to each image first.

    Returns
    -------
    numpy.ndarray
        uint8 (n, channels, height, width).

    Raises
    ------
    DatasetError
        Naming the file that is corrupt, or of another size or number of channels.
    """
    channels, height, width = shape
    if channels not in MODES:
        raise DatasetError(f"Expected image_shape with 1, 3 or 4 channels for image files; got {list(shape)}.")
    images = np.empty((len(names), *shape), dtype=np.uint8)
    bar = progress_bar("Decoding", len(names), unit="image", delay=SECONDS_BETWEEN_LINES)
    for number, name in enumerate(names):
        image = _opened(files, name, prepare)
        if image.size != (width, height) or image.mode != MODES[channels]:
            raise DatasetError(
                f"Expected images of {width} x {height} pixels, {MODES[channels]} (image_shape {list(shape)}); "
                f"got {image.width} x {image.height}, {image.mode}: {name} in {files.path}. "
                "Convert the images to one size and mode, or correct image_shape."
            )
        images[number] = np.asarray(image).reshape(height, width, channels).transpose(2, 0, 1)
        bar.update()
    bar.close()
    return images


def _opened(files: ImageFiles, name: str, prepare: Prepare | None) -> Image.Image:
    try:
        image = Image.open(io.BytesIO(files.read(name)))
        image.load()
    except Exception as error:  # what a broken image file raises is anyone's guess
        raise DatasetError(
            f"Expected an image; {name} in {files.path} cannot be decoded ({type(error).__name__}: {error}). "
            "It is cut or no image; replace it or take it out, and take the fingerprint anew."
        ) from error
    return image if prepare is None else prepare(image)
