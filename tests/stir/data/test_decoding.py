"""Image files that would lose information or be rotated are refused by name; only images are opened."""

import io
import os
import struct
import subprocess
import zlib

import numpy as np
import pytest
from PIL import Image

from stir.data.decoding import FORMATS, decode
from stir.data.files import IMAGE_SUFFIXES
from stir.data.image_files import image_files
from stir.errors import DatasetError

GENERATOR = np.random.default_rng(0)
GREY = GENERATOR.integers(0, 256, (8, 8), dtype=np.uint8)
COLOUR = GENERATOR.integers(0, 256, (8, 8, 3), dtype=np.uint8)
WIDE = GENERATOR.integers(0, 2**16, (8, 8), dtype=np.uint16)


def png(depth, colour, rows, *chunks):
    """Return an 8 x 8 PNG of rows as bytes, which Pillow cannot write."""
    header = struct.pack(">IIBBBBB", 8, 8, depth, colour, 0, 0, 0)
    parts = [(b"IHDR", header), *chunks, (b"IDAT", zlib.compress(b"".join(b"\0" + row for row in rows))), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
        for name, content in parts
    )


def saved(image, form, **options):
    content = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(content, form, **options)
    return content.getvalue()


def pages(form, **options):
    return saved(COLOUR, form, save_all=True, append_images=[Image.fromarray(COLOUR[::-1])], **options)


def turned(form, image=COLOUR):
    exif = Image.Exif()
    exif[0x0112] = 6
    return saved(image, form, exif=exif)


def decoded(folder, name, content, shape):
    (folder / "mine" / "one").mkdir(parents=True)
    (folder / "mine" / "one" / name).write_bytes(content)
    files = image_files(folder / "mine")
    return decode(files, files.names, shape)[0]


LOST = {
    "animated PNG": ("x.png", pages("PNG"), "one picture per file; got 2"),
    "animated WebP": ("x.webp", pages("WEBP", lossless=True), "one picture per file; got 2"),
    "pages of a TIFF": ("x.tif", pages("TIFF"), "one picture per file; got 2"),
    "several pictures in a JPEG": ("x.jpg", pages("MPO"), "one picture per file; got an MPO"),
    "animated GIF under another name": ("x.png", pages("GIF"), "none of BMP, JPEG"),
    "16 bits of colour": ("x.png", png(16, 2, [bytes(48)] * 8), "8 bits per channel.*16"),
    "16 bits of a PPM": ("x.ppm", b"P6 8 8 65535\n" + bytes(384), "8 bits per channel.*65535"),
    "16 bits of a plain PPM": ("x.ppm", b"P3 8 8 1000\n" + b"0 " * 192, "8 bits per channel.*1000"),
    "16 grey bits": ("x.png", saved(WIDE, "PNG"), "8 bits per channel.*I;16"),
    "palette": ("x.png", saved(Image.fromarray(COLOUR).quantize(8), "PNG"), "RGB .*got 8 x 8, P:"),
    "alpha": ("x.png", saved(Image.fromarray(COLOUR).convert("RGBA"), "PNG"), "RGB .*got 8 x 8, RGBA"),
    "transparent colour": ("x.png", saved(COLOUR, "PNG", transparency=(1, 2, 3)), "without a transparent colour"),
    "CMYK": ("x.jpg", saved(Image.fromarray(COLOUR).convert("CMYK"), "JPEG"), "RGB .*got 8 x 8, CMYK"),
    "one bit": ("x.png", saved(Image.fromarray(GREY).convert("1"), "PNG"), "RGB .*got 8 x 8, 1:"),
    "floating point": ("x.tif", saved(GREY.astype(np.float32), "TIFF"), "RGB .*got 8 x 8, F:"),
    "turned JPEG": ("x.jpg", turned("JPEG"), "stored as it is shown; got an EXIF orientation"),
    "turned PNG": ("x.png", turned("PNG"), "stored as it is shown; got an EXIF orientation"),
    "turned WebP": ("x.webp", turned("WEBP"), "stored as it is shown; got an EXIF orientation"),
    "a bomb": ("x.png", saved(Image.new("RGB", (9000, 8000)), "PNG"), "at most 67108864 pixels; got 9000 x 8000"),
    "a larger bomb": ("x.ppm", b"P6 90000 90000 255\n", "DecompressionBombError"),
}


@pytest.mark.parametrize("case", LOST)
def test_what_would_be_lost_or_guessed_is_refused_by_name(tmp_path, case):
    name, content, problem = LOST[case]
    with pytest.raises(DatasetError, match=problem) as error:
        decoded(tmp_path, name, content, (3, 8, 8))
    assert f"one/{name} in {tmp_path}" in str(error.value)
    assert "\n" not in str(error.value)


def test_16_grey_bits_and_a_transparent_grey_are_refused(tmp_path):
    for number, (content, problem) in enumerate(
        [
            (saved(GREY, "PNG", transparency=3), "transparent colour"),
            (saved(WIDE, "PNG"), "I;16"),
            (b"P5 8 8 65535\n" + bytes(128), "got I;16B"),
        ]
    ):
        with pytest.raises(DatasetError, match=problem):
            decoded(tmp_path / str(number), "x.png", content, (1, 8, 8))


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("x.PNG", saved(COLOUR, "PNG"), COLOUR),
        ("x.bmp", saved(COLOUR, "BMP"), COLOUR),
        ("x.ppm", saved(COLOUR, "PPM"), COLOUR),
        ("x.tiff", saved(COLOUR, "TIFF"), COLOUR),
        ("x.webp", saved(COLOUR, "WEBP", lossless=True), COLOUR),
        ("x.JPG", saved(COLOUR, "PNG"), COLOUR),
        ("x.tif", turned("TIFF"), np.rot90(COLOUR, -1)),
        ("x.png", saved(GREY, "PNG"), GREY),
        ("x.pgm", saved(GREY, "PPM"), GREY),
        ("x.pgm", b"P5 8 8 15\n" + (GREY // 16).tobytes(), GREY // 16 * 17),
        ("x.png", png(2, 0, [b"\x1b\x1b"] * 8), np.tile(np.array([0, 85, 170, 255], np.uint8), (8, 2))),
    ],
)
def test_what_is_kept_is_kept_exactly(tmp_path, name, content, expected):
    expected = expected.reshape(8, 8, -1).transpose(2, 0, 1)
    np.testing.assert_array_equal(decoded(tmp_path, name, content, expected.shape), expected)


def test_there_is_a_format_for_each_suffix_and_no_other():
    Image.init()
    assert {Image.EXTENSION[suffix] for suffix in IMAGE_SUFFIXES} == set(FORMATS)


def test_an_eps_that_is_called_png_starts_no_program(tmp_path, monkeypatch):
    monkeypatch.setattr(subprocess, "Popen", lambda *_args, **_more: pytest.fail("a program was started"))
    eps = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\n(touch PWNED) pop showpage\n%%EOF\n"
    Image.open(io.BytesIO(eps))  # Pillow would recognise it
    with pytest.raises(DatasetError, match=r"one/x\.png in .* cannot be decoded: it is truncated, or its content is none of BMP"):
        decoded(tmp_path, "x.png", eps, (3, 8, 8))


def test_exif_that_cannot_be_read_turns_nothing(tmp_path):
    content = saved(GREY, "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff")
    assert decoded(tmp_path, "x.jpg", content, (1, 8, 8)).shape == (1, 8, 8)


def test_more_images_than_memory_holds_are_not_begun(tmp_path):
    with pytest.raises(DatasetError, match=r"1 images of image_shape .* to fit into memory"):
        decoded(tmp_path, "x.png", saved(GREY, "PNG"), (1, 10**9, 10**9))


def test_a_file_that_is_too_large_for_an_image_is_not_read(tmp_path):
    (tmp_path / "one").mkdir()
    with (tmp_path / "one" / "x.png").open("wb") as file:
        file.truncate(2**40)
    files = image_files(tmp_path)
    with pytest.raises(DatasetError, match=r"at most 268435456 bytes; .*one/x\.png has 1099511627776"):
        decode(files, files.names, (1, 8, 8))


def test_a_fifo_that_takes_a_files_place_is_not_waited_for(tmp_path):
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "x.png").write_bytes(b"")
    files = image_files(tmp_path)
    (tmp_path / "one" / "x.png").unlink()
    os.mkfifo(tmp_path / "one" / "x.png")
    with pytest.raises(DatasetError, match=r"Expected a file at .*one/x\.png; there is a FIFO"):
        decode(files, files.names, (1, 8, 8))
