"""How images of one's own become images of one shape: resized, cropped and converted, as torchvision does; no heavy imports."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stir.errors import InvalidInputError, near_matches
from stir.names import shortened

PREPARATION_KEYS = ("resize", "crop", "convert")
"""Keys of the settings that say how image files are prepared."""
CENTER = "center"
CROPS = (CENTER,)
CONVERSIONS = {"grey": 1, "rgb": 3}
"""Value of ``convert`` -> channels."""
MODES = {1: "L", 3: "RGB", 4: "RGBA"}
"""Channels -> Pillow's name of the mode."""
CONVERTIBLE = ("1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "CMYK", "YCbCr", "HSV")
"""Modes with at most 8 bits per channel, of which ``convert`` makes grey or colour."""
GREY = ("1", "L", "LA", "La")
LARGEST_SIDE = 4096
MOST_PIXELS = 2**26
"""Maximum number of pixels of an image, as it is stored and after resizing; checked before decoding."""
SUGGESTED_SIDE, SUGGESTED_RESIZE = 224, 256
"""Of the images that networks for photographs take, and of the shorter side before the centre of that size is cropped."""

Shape = tuple[int, int, int]
"""Channels, height, width."""


@dataclass(frozen=True)
class Stored:
    """An image file, by its header."""

    mode: str
    """Pillow's name."""
    height: int
    """In pixels, as the image is shown."""
    width: int
    is_turned: bool = False
    """Whether an EXIF orientation says that it is shown otherwise than stored."""
    is_transparent: bool = False
    """Whether a colour, or colours of a palette, are transparent."""
    has_companions: bool = False
    """Whether it is a photograph with further pictures, such as a depth map, as telephones take them (MPO)."""

    @property
    def channels(self) -> int:
        """Of the image, or of what ``convert`` makes of it without loss of colour."""
        return next((number for number, mode in MODES.items() if mode == self.mode), 1 if self.mode in GREY else 3)

    @property
    def shape(self) -> "Shape":
        """Channels, height, width."""
        return self.channels, self.height, self.width


@dataclass(frozen=True)
class Preparation:
    """What is done to each image, in this order: conversion, resizing, cropping.

    Without any, images must have the shape of the dataset. With any, images are turned upright by their EXIF orientation first,
    and of an MPO the first picture is taken.
    """

    resize: int | tuple[int, int] | None = None
    """Length of the shorter side, or height and width, in pixels: bilinear, antialiased."""
    crop: str | None = None
    """``"center"`` crops to the shape of the dataset."""
    convert: str | None = None
    """``"grey"`` or ``"rgb"``: transparency is dropped, as by Pillow's ``convert``."""

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> "Preparation":
        """Return the preparation that the settings of a dataset describe.

        Raises
        ------
        InvalidInputError
            If a value is unknown, or does not fit ``image_shape``.
        """
        given = {key: settings[key] for key in PREPARATION_KEYS if settings.get(key) is not None}
        if isinstance(given.get("resize"), Sequence) and not isinstance(given["resize"], str):
            given["resize"] = tuple(given["resize"])
        found = cls(**given)
        if given:
            found.check(tuple(settings["image_shape"]), f"dataset {settings['name']!r}")
        return found

    def __bool__(self) -> bool:
        return self != Preparation()

    def check(self, shape: Shape, what: str) -> None:
        """Refuse values that are unknown, or from which no image of a shape results.

        Raises
        ------
        InvalidInputError
            Naming the key.
        """
        channels, *sides = shape
        if self.crop not in (None, *CROPS):
            raise InvalidInputError(f"Unknown crop {shortened(self.crop)} of {what}. {near_matches(str(self.crop), CROPS)}")
        if self.convert is not None and self.convert not in CONVERSIONS:
            near = near_matches(str(self.convert), CONVERSIONS)
            raise InvalidInputError(f"Unknown convert {shortened(self.convert)} of {what}. {near}")
        if self.convert is not None and CONVERSIONS[self.convert] != channels:
            raise InvalidInputError(
                f"Expected image_shape of {what} with {CONVERSIONS[self.convert]} channels, since convert is {self.convert}; "
                f"got {list(shape)}. Correct one of them."
            )
        if self.resize is not None:
            self._check_resize(self.resize, list(sides), what)

    def _check_resize(self, resize: int | tuple[int, int], sides: list[int], what: str) -> None:
        lengths = resize if isinstance(resize, tuple) else (resize,)
        if len(lengths) > 2 or not all(type(length) is int and 0 < length <= LARGEST_SIDE for length in lengths):
            raise InvalidInputError(
                f"Expected resize of {what} as the length of the shorter side, or [height, width], at most {LARGEST_SIDE}; "
                f"got {shortened(resize)}."
            )
        came = [*lengths] if len(lengths) == 2 else [*lengths, *lengths]
        least = sides if len(lengths) == 2 else [min(sides)] * 2
        if (self.crop and any(c < s for c, s in zip(came, least, strict=True))) or (not self.crop and came != least):
            fit = "at least" if self.crop else "exactly"
            raise InvalidInputError(
                f"Expected resize of {what} to be {fit} {least if len(lengths) == 2 else least[0]}, since image_shape has "
                f"{' x '.join(map(str, sides))} pixels and crop is {self.crop or 'not set'}; got {shortened(resize)}. Correct it."
            )

    def resized(self, height: int, width: int) -> tuple[int, int]:
        """Return height and width after resizing, as torchvision rounds them."""
        if self.resize is None:
            return height, width
        if isinstance(self.resize, tuple):
            return self.resize
        short, long = sorted((height, width))
        longer = int(self.resize * long / short)
        return (self.resize, longer) if height <= width else (longer, self.resize)

    def problem(self, stored: Stored, shape: Shape) -> str | None:
        """Return why an image cannot become one of a shape, or None."""
        channels, height, width = shape
        mode = MODES[channels]
        came = f"{stored.width} x {stored.height}, {stored.mode}"
        if self.convert is not None and stored.mode not in CONVERTIBLE:
            return f"Expected at most 8 bits per channel; got {stored.mode}"
        if self.convert is None and stored.mode != mode:
            return f"Expected images of {width} x {height} pixels, {mode} (image_shape {list(shape)}); got {came}"
        sides = self.resized(stored.height, stored.width)
        if sides[0] * sides[1] > MOST_PIXELS:
            return f"Expected at most {MOST_PIXELS} pixels; got {sides[1]} x {sides[0]} after resizing"
        if self.crop and (sides[0] < height or sides[1] < width):
            return f"Expected images of at least {width} x {height} pixels to crop (image_shape {list(shape)}); got {came}"
        if not self.crop and sides != (height, width):
            after = f", {sides[1]} x {sides[0]} after resizing" if self.resize else ""
            return f"Expected images of {width} x {height} pixels, {mode} (image_shape {list(shape)}); got {came}{after}"
        if self.convert is None and stored.is_transparent:
            return "Expected an image without a transparent colour; got one"
        if not self and stored.has_companions:
            return "Expected one picture per file; got an MPO with several"
        if not self and stored.is_turned:
            return "Expected an image that is stored as it is shown; got an EXIF orientation"
        return None


def suggested(stored: Iterable[Stored]) -> tuple[Shape, dict[str, Any]]:
    """Return an ``image_shape`` and, where images differ or are not read as they are, the preparation that makes them fit.

    Images of several sizes become squares: as ImageNet's, the shorter side is made 256 pixels long, and the centre of 224 is
    cropped; where images are smaller than that, the shorter side becomes as short as the shortest that there is.
    """
    images = list(stored)
    sizes, modes = {(image.height, image.width) for image in images}, {image.mode for image in images}
    height, width = next(iter(sizes))
    shortest = min(side for size in sizes for side in size)
    resize, side = (SUGGESTED_RESIZE, SUGGESTED_SIDE) if shortest >= SUGGESTED_RESIZE else (min(shortest, SUGGESTED_SIDE),) * 2
    keys: dict[str, Any] = {} if len(sizes) == 1 else {"resize": resize, "crop": CENTER}
    is_read = modes <= {*MODES.values()} and not any(image.is_transparent for image in images)
    if len(modes) == 1 and is_read and (keys or not any(image.is_turned or image.has_companions for image in images)):
        channels = images[0].channels
    else:
        convert = "grey" if modes <= {*GREY} else "rgb"
        keys, channels = {**keys, "convert": convert}, CONVERSIONS[convert]
    return (channels, height, width) if len(sizes) == 1 else (channels, side, side), keys
