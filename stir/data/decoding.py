"""Decode image files to arrays; images that would lose information are refused."""

import contextlib
import io
import re
import warnings
from collections.abc import Callable, Sequence
from math import prod
from typing import TypeAlias

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from stir.data.collection import first_of
from stir.data.files import check_room
from stir.data.image_files import ImageFiles
from stir.data.preparation import CENTER, CONVERSIONS, MODES, MOST_PIXELS, Preparation, Shape, Stored
from stir.errors import DatasetError, StirError
from stir.names import shown
from stir.progress import SECONDS_BETWEEN_LINES, progress_bar

Prepare: TypeAlias = Callable[[Image.Image], Image.Image]
"""Makes an image of the shape of the dataset."""

FORMATS = ("BMP", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
"""Formats of the suffixes; other formats of Pillow start programs (EPS) or are not needed."""
REMEDY = "Convert or remove it, correct image_shape, or set resize, crop or convert"
"""For an image that cannot become one of the shape of the dataset."""

_ORIENTATION = 0x0112
_TURNED, _SIDEWAYS = range(2, 9), range(5, 9)
_CUT = re.compile(r";16[BLN]|^(L|RGB|RGBA|RGBa)X")
"""Raw modes with 16 bits per channel, of which Pillow keeps 8, or with further channels, which it drops."""


class BadImages(DatasetError):
    """Image files are refused, each in a line of the message.

    Parameters
    ----------
    problems : sequence of str
        Sentences that name the files; of very many, the first are in the message.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(first_of(problems)))


def problems_of(error: StirError) -> list[str]:
    """Return the sentences of a refusal, one for each bad file."""
    return list(error.problems) if isinstance(error, BadImages) else str(error).splitlines()


def decode(files: ImageFiles, names: Sequence[str], shape: Shape, prepare: Prepare | None = None) -> np.ndarray:
    """Decode image files.

    Parameters
    ----------
    files : ImageFiles
        The folder or archive.
    names : sequence of str
        Names of the n files to decode.
    shape : tuple of int
        (channels, height, width) of the images.
    prepare : callable, optional
        Makes an image of that shape; by default, images must have it, and are neither converted nor cropped.

    Returns
    -------
    numpy.ndarray
        uint8 (n, channels, height, width).

    Raises
    ------
    BadImages
        Naming all files that are corrupt, have another size or number of channels, or would lose information.
    DatasetError
        If the images do not fit into memory, or cannot have so many channels.
    """
    channels, height, width = shape
    if channels not in MODES:
        raise DatasetError(f"Expected image_shape with 1, 3 or 4 channels for image files; got {list(shape)}.")
    check_room(len(names) * prod(shape), f"{len(names)} images of image_shape {list(shape)}")
    images, problems = np.empty((len(names), *shape), dtype=np.uint8), list[str]()
    prepare = prepare or prepared(shape)
    with progress_bar("Decoding", len(names), unit="image", delay=SECONDS_BETWEEN_LINES) as bar:
        for number, name in enumerate(names):
            try:
                image = _opened(files, name, prepare)
                images[number] = np.asarray(image).reshape(height, width, channels).transpose(2, 0, 1)
            except DatasetError as error:
                problems.append(str(error))
            bar.update()
    if problems:
        raise BadImages(problems)
    return images


def stored_image(files: ImageFiles, name: str) -> Stored:
    """Return what the header of an image file says; nothing is decoded.

    Raises
    ------
    DatasetError
        If it is no image, or one that could only be read in part.
    """
    found: list[Stored] = []

    def look(image: Image.Image) -> Image.Image:
        found.append(_stored(image))
        return image

    _opened(files, name, look)
    return found[0]


class _Unfit(Exception):
    """An image is refused: what was expected and what was found, and what may be done."""

    def __init__(self, problem: str, remedy: str = "Convert or remove it") -> None:
        super().__init__(problem)
        self.remedy = remedy


def _opened(files: ImageFiles, name: str, prepare: Prepare) -> Image.Image:
    """Open an image, and apply a function to it, which may decode it."""
    place = f"{shown(name)} in {shown(files.path)}"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # sizes are checked before anything is decoded
            warnings.filterwarnings("ignore", "Corrupt EXIF")  # the warning does not concern the pixels
            image: Image.Image = Image.open(io.BytesIO(files.read(name)), formats=FORMATS)
            _check_pixels(image.width, image.height)
            return prepare(image)
    except DatasetError:
        raise
    except _Unfit as error:
        raise DatasetError(f"{error}: {place}. {error.remedy}.") from error
    except UnidentifiedImageError as error:
        raise DatasetError(
            f"Expected an image; {place} cannot be decoded: it is truncated, or its content is none of {', '.join(FORMATS)}. "
            "Convert or remove it."
        ) from error
    except Exception as error:  # a broken image file can raise any exception
        raise DatasetError(
            f"Expected an image; {place} cannot be decoded ({type(error).__name__}: {shown(str(error))}). "
            "It is truncated or not an image; replace or remove it."
        ) from error


def _check_pixels(width: int, height: int) -> None:
    if width * height > MOST_PIXELS:
        raise _Unfit(f"Expected at most {MOST_PIXELS} pixels; got {width} x {height}")


def prepared(shape: Shape, preparation: Preparation | None = None) -> Prepare:
    """Return a function that makes an image one of a shape, and refuses what Pillow would read only in part.

    Parameters
    ----------
    shape : tuple of int
        (channels, height, width).
    preparation : Preparation, optional
        By default, images must have the shape.
    """
    preparation = preparation or Preparation()

    def prepare(image: Image.Image) -> Image.Image:
        stored = _stored(image)
        if problem := preparation.problem(stored, shape):
            raise _Unfit(problem, REMEDY)
        image.load()
        is_turned = _orientation(image) in _TURNED  # not of a TIFF, which loading has turned
        if is_turned != stored.is_turned and image.format != "TIFF":
            raise _Unfit("Expected an EXIF orientation, if any, before the pixels; got one behind them")
        if is_turned:
            image = ImageOps.exif_transpose(image)
        return applied(image, preparation, shape)

    return prepare


def covering(shape: Shape) -> Prepare:
    """Return a function that makes any image one of a shape: it is resized until it covers the shape, and its centre cropped."""
    channels, height, width = shape
    convert = next(name for name, number in CONVERSIONS.items() if number == channels)

    def prepare(image: Image.Image) -> Image.Image:
        stored = _stored(image)
        short = min(stored.height, stored.width)
        side = max(-(-short * height // stored.height), -(-short * width // stored.width))
        return prepared(shape, Preparation(side, CENTER, convert))(image)

    return prepare


def applied(image: Image.Image, preparation: Preparation, shape: Shape) -> Image.Image:
    """Convert, resize and crop an image, as torchvision's transforms do."""
    from torchvision.transforms.v2.functional import center_crop, resize

    channels, height, width = shape
    if preparation.convert:
        image = image.convert(MODES[channels])
    if preparation.resize is not None:
        sides = preparation.resized(image.height, image.width)
        _check_pixels(sides[1], sides[0])  # a line of many pixels becomes a large image
        image = resize(image, list(sides))
    return center_crop(image, [height, width]) if preparation.crop else image


def _stored(image: Image.Image) -> Stored:
    """Return how an image is stored; nothing may have been decoded yet, which would discard it.

    Raises
    ------
    _Unfit
        If it has several pictures, other than of an MPO, or more bits or channels than Pillow reads.
    """
    if (n_pictures := getattr(image, "n_frames", 1)) != 1 and image.format != "MPO":
        raise _Unfit(f"Expected one picture per file; got {n_pictures}, an animation or pages")
    if cut := [str(tile[3]) for tile in getattr(image, "tile", ()) if _is_cut(tile[3])]:
        raise _Unfit(f"Expected 8 bits per channel, and no further channels; got {cut[0]}")
    orientation = None if image.format == "TIFF" else _orientation(image)  # loading turns a TIFF
    height, width = (image.width, image.height) if orientation in _SIDEWAYS else (image.height, image.width)
    return Stored(image.mode, height, width, orientation in _TURNED, "transparency" in image.info, n_pictures > 1)


def _is_cut(arguments: object) -> bool:
    """Return whether a decoder, by its arguments, drops bits or channels."""
    raw, *others = arguments if isinstance(arguments, tuple) and arguments else (arguments,)
    white = others[0] if others and isinstance(others[0], int) and not isinstance(others[0], bool) else 0  # of a PPM
    return (white > 255 and raw in MODES.values()) or bool(_CUT.search(str(raw)))


def _orientation(image: Image.Image) -> int | None:
    """Return the EXIF orientation; None where there is none that can be read.

    A PNG's own method would decode the pixels first, and a second attempt to decode damaged ones succeeds, with other pixels.
    """
    with contextlib.suppress(Exception), warnings.catch_warnings(action="ignore"):
        return Image.Image.getexif(image).get(_ORIENTATION)
    return None
