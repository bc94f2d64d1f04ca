"""Image files -> arrays; strict about size, channels and whatever would be lost without a word."""

import contextlib
import io
import re
import warnings
from collections.abc import Callable, Sequence
from math import prod
from typing import TypeAlias

import numpy as np
from PIL import Image, UnidentifiedImageError

from stir.data.files import check_room, said
from stir.data.image_files import ImageFiles
from stir.errors import DatasetError
from stir.progress import SECONDS_BETWEEN_LINES, progress_bar

Prepare: TypeAlias = Callable[[Image.Image], Image.Image]
"""What is done to each image before it becomes an array."""

FORMATS = ("BMP", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
"""Those of the suffixes: others that Pillow knows start programs (EPS), or are of no use here."""
MODES = {1: "L", 3: "RGB", 4: "RGBA"}
"""Channels -> what Pillow calls such an image."""
MOST_PIXELS = 2**26
"""Of one image; they are decoded only if there are no more."""

_ORIENTATION = 0x0112
_TURNED = range(2, 9)
_CUT = re.compile(r";16[BLN]|^(L|RGB|RGBA|RGBa)X")
"""Raw modes of 16 bits a channel, of which Pillow keeps 8, and of further channels, which it drops."""


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
        What is done to each image first. With it, images may be of any size and mode; without it, nothing of
        an image is converted or left out.

    Returns
    -------
    numpy.ndarray
        uint8 (n, channels, height, width).

    Raises
    ------
    DatasetError
        Naming the file that is corrupt, of another size or number of channels, or has more than can be kept.
    """
    channels, height, width = shape
    if channels not in MODES:
        raise DatasetError(f"Expected image_shape with 1, 3 or 4 channels for image files; got {list(shape)}.")
    check_room(len(names) * prod(shape), f"{len(names)} images of image_shape {list(shape)}")
    images = np.empty((len(names), *shape), dtype=np.uint8)
    bar = progress_bar("Decoding", len(names), unit="image", delay=SECONDS_BETWEEN_LINES)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # sizes are checked here, before anything is decoded
        warnings.filterwarnings("ignore", "Corrupt EXIF")  # it says nothing of the pixels
        for number, name in enumerate(names):
            image = _opened(files, name, prepare or _as_it_is(shape))
            images[number] = np.asarray(image).reshape(height, width, channels).transpose(2, 0, 1)
            bar.update()
    bar.close()
    return images


class _Unfit(Exception):
    """An image that is refused, with what was expected and what came."""


def _opened(files: ImageFiles, name: str, prepare: Prepare) -> Image.Image:
    place = f"{said(name)} in {said(files.path)}"
    try:
        image: Image.Image = Image.open(io.BytesIO(files.read(name)), formats=FORMATS)
        if image.width * image.height > MOST_PIXELS:
            raise _Unfit(f"Expected at most {MOST_PIXELS} pixels; got {image.width} x {image.height}")
        image = prepare(image)
        image.load()
    except DatasetError:
        raise
    except _Unfit as error:
        raise DatasetError(f"{error}: {place}. Convert it or take it out, or correct image_shape.") from error
    except UnidentifiedImageError as error:
        raise DatasetError(
            f"Expected an image; {place} cannot be decoded: it is cut, or none of {', '.join(FORMATS)}, whatever its name says. "
            "Convert it or take it out, and take the fingerprint again."
        ) from error
    except Exception as error:  # what a broken image file raises is anyone's guess
        raise DatasetError(
            f"Expected an image; {place} cannot be decoded ({type(error).__name__}: {said(str(error))}). "
            "It is cut or no image; replace it or take it out, and take the fingerprint again."
        ) from error
    return image


def _as_it_is(shape: tuple[int, int, int]) -> Prepare:
    """Return what refuses an image that is not of this shape, or of which Pillow would give only a part."""
    channels, height, width = shape

    def checked(image: Image.Image) -> Image.Image:
        if image.size != (width, height) or image.mode != MODES[channels]:
            raise _Unfit(
                f"Expected images of {width} x {height} pixels, {MODES[channels]} (image_shape {list(shape)}); "
                f"got {image.width} x {image.height}, {image.mode}"
            )
        if (n_pictures := getattr(image, "n_frames", 1)) != 1:
            raise _Unfit(f"Expected one picture in a file; got {n_pictures}, an animation or pages")
        # Before it is decoded, since Pillow forgets then how it was stored.
        if cut := [str(tile[3]) for tile in getattr(image, "tile", ()) if _is_cut(tile[3])]:
            raise _Unfit(f"Expected 8 bits a channel, and no further channels; got {cut[0]}")
        if "transparency" in image.info:
            raise _Unfit("Expected an image without a transparent colour; got one")
        image.load()
        if _orientation(image) in _TURNED:  # after loading, which turns a TIFF
            raise _Unfit("Expected an image that is stored as it is shown; got an EXIF orientation")
        return image

    return checked


def _is_cut(arguments: object) -> bool:
    """Return whether a decoder, by its arguments, drops bits or channels."""
    raw, *others = arguments if isinstance(arguments, tuple) and arguments else (arguments,)
    white = others[0] if others and isinstance(others[0], int) and not isinstance(others[0], bool) else 0  # of a PPM
    return (white > 255 and raw in MODES.values()) or bool(_CUT.search(str(raw)))


def _orientation(image: Image.Image) -> int | None:
    """Return the EXIF orientation; None where there is none that can be read."""
    with contextlib.suppress(Exception), warnings.catch_warnings(action="ignore"):
        return image.getexif().get(_ORIENTATION)
    return None
