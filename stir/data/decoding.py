"""Decode image files to arrays; images that would lose information are refused."""

import contextlib
import io
import re
import warnings
from collections.abc import Callable, Sequence
from math import prod
from typing import TypeAlias

import numpy as np
from PIL import Image, UnidentifiedImageError

from stir.data.files import check_room
from stir.data.image_files import ImageFiles
from stir.errors import DatasetError
from stir.names import shown
from stir.progress import SECONDS_BETWEEN_LINES, progress_bar

Prepare: TypeAlias = Callable[[Image.Image], Image.Image]
"""Applied to each image before it is converted to an array."""

FORMATS = ("BMP", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
"""Formats of the suffixes; other formats of Pillow start programs (EPS) or are not needed."""
MODES = {1: "L", 3: "RGB", 4: "RGBA"}
"""Channels -> Pillow's name of the mode."""
MOST_PIXELS = 2**26
"""Maximum number of pixels of an image; checked before decoding."""

_ORIENTATION = 0x0112
_TURNED = range(2, 9)
_CUT = re.compile(r";16[BLN]|^(L|RGB|RGBA|RGBa)X")
"""Raw modes with 16 bits per channel, of which Pillow keeps 8, or with further channels, which it drops."""


def decode(files: ImageFiles, names: Sequence[str], shape: tuple[int, int, int], prepare: Prepare | None = None) -> np.ndarray:
    """Decode image files.

    Parameters
    ----------
    files : ImageFiles
        The folder or archive.
    names : sequence of str
        Names of the n files to decode.
    shape : tuple of int
        (channels, height, width) that every image must have.
    prepare : callable, optional
        Applied to each image first. With it, images may have any size and mode; without it, images
        are neither converted nor cropped.

    Returns
    -------
    numpy.ndarray
        uint8 (n, channels, height, width).

    Raises
    ------
    DatasetError
        Naming the file that is corrupt, has another size or number of channels, or would lose information.
    """
    channels, height, width = shape
    if channels not in MODES:
        raise DatasetError(f"Expected image_shape with 1, 3 or 4 channels for image files; got {list(shape)}.")
    check_room(len(names) * prod(shape), f"{len(names)} images of image_shape {list(shape)}")
    images = np.empty((len(names), *shape), dtype=np.uint8)
    bar = progress_bar("Decoding", len(names), unit="image", delay=SECONDS_BETWEEN_LINES)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # sizes are checked here, before anything is decoded
        warnings.filterwarnings("ignore", "Corrupt EXIF")  # the warning does not concern the pixels
        for number, name in enumerate(names):
            image = _opened(files, name, prepare or _as_it_is(shape))
            images[number] = np.asarray(image).reshape(height, width, channels).transpose(2, 0, 1)
            bar.update()
    bar.close()
    return images


def stored_shape(files: ImageFiles, name: str) -> tuple[int, int, int]:
    """Return (channels, height, width) of an image by its header; nothing is decoded.

    Raises
    ------
    DatasetError
        If it is no image, or has palettes, CMYK or other than 8 bits per channel.
    """
    image = _opened(files, name, None)
    channels = {mode: number for number, mode in MODES.items()}
    if image.mode not in channels:
        raise DatasetError(
            f"Expected an image that is grey, RGB or RGBA, with 8 bits per channel; got {image.mode}: "
            f"{shown(name)} in {shown(files.path)}. Convert or remove it."
        )
    return channels[image.mode], image.height, image.width


class _Unfit(Exception):
    """An image is refused; the message says what was expected and what was found."""


def _opened(files: ImageFiles, name: str, prepare: Prepare | None) -> Image.Image:
    """Open an image; with ``prepare``, also apply that and decode it."""
    place = f"{shown(name)} in {shown(files.path)}"
    try:
        image: Image.Image = Image.open(io.BytesIO(files.read(name)), formats=FORMATS)
        if image.width * image.height > MOST_PIXELS:
            raise _Unfit(f"Expected at most {MOST_PIXELS} pixels; got {image.width} x {image.height}")
        if prepare is not None:
            image = prepare(image)
            image.load()
    except DatasetError:
        raise
    except _Unfit as error:
        raise DatasetError(f"{error}: {place}. Convert or remove it, or correct image_shape.") from error
    except UnidentifiedImageError as error:
        raise DatasetError(
            f"Expected an image; {place} cannot be decoded: it is truncated, or its content is none of {', '.join(FORMATS)}. "
            "Convert or remove it, and compute the fingerprint again."
        ) from error
    except Exception as error:  # a broken image file can raise any exception
        raise DatasetError(
            f"Expected an image; {place} cannot be decoded ({type(error).__name__}: {shown(str(error))}). "
            "It is truncated or not an image; replace or remove it, and compute the fingerprint again."
        ) from error
    return image


def _as_it_is(shape: tuple[int, int, int]) -> Prepare:
    """Return a function that refuses images of another shape, and images that Pillow would read only in part."""
    channels, height, width = shape

    def checked(image: Image.Image) -> Image.Image:
        if image.size != (width, height) or image.mode != MODES[channels]:
            raise _Unfit(
                f"Expected images of {width} x {height} pixels, {MODES[channels]} (image_shape {list(shape)}); "
                f"got {image.width} x {image.height}, {image.mode}"
            )
        if (n_pictures := getattr(image, "n_frames", 1)) != 1:
            raise _Unfit(f"Expected one picture per file; got {n_pictures}, an animation or pages")
        # Check this before decoding, which discards how the image was stored.
        if cut := [str(tile[3]) for tile in getattr(image, "tile", ()) if _is_cut(tile[3])]:
            raise _Unfit(f"Expected 8 bits per channel, and no further channels; got {cut[0]}")
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
