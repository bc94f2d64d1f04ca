"""Images of one's own become images of one shape as torchvision makes them; what does not fit is refused, all files at once."""

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms import v2

from stir.data.dataset import load_split
from stir.data.decoding import BadImages
from stir.data.looking import look
from stir.data.preparation import Preparation, Stored, suggested
from stir.errors import InvalidInputError

GENERATOR = np.random.default_rng(0)
SIZES = ((30, 20), (20, 30), (25, 25), (41, 20))
"""Heights and widths."""


def picture(height, width, mode):
    return Image.fromarray(GENERATOR.integers(0, 256, (height, width, 3), dtype=np.uint8)).convert(mode)


@pytest.fixture
def folder(tmp_path):
    """Pictures of several sizes and modes, in two classes."""
    for number, (size, mode) in enumerate(zip(SIZES * 2, ("L", "RGB", "RGBA", "P", "CMYK", "1", "LA", "RGB"), strict=True)):
        place = tmp_path / "own" / "ab"[number % 2]
        place.mkdir(parents=True, exist_ok=True)
        picture(*size, mode).save(place / f"{number}.{'tif' if mode == 'CMYK' else 'png'}")
    return tmp_path / "own"


def settings_of(shape, **prepared):
    return {"name": "mine", "format": "folder", "image_shape": list(shape), "n_classes": 2, "n_test": 2, **prepared}


def loaded(folder, shape, **prepared):
    split = load_split(settings_of(shape, **prepared), source=folder, generator=np.random.default_rng(0))
    return np.concatenate([split.train_images, split.test_images])


@pytest.mark.parametrize(("convert", "mode"), [("rgb", "RGB"), ("grey", "L")])
@pytest.mark.parametrize("resize", [16, [16, 18]])
def test_images_are_those_of_torchvisions_transforms(folder, convert, mode, resize):
    images = loaded(folder, (len(mode) if mode == "RGB" else 1, 16, 16), resize=resize, crop="center", convert=convert)
    transform = v2.Compose([v2.Resize(resize), v2.CenterCrop(16), v2.PILToTensor()])
    expected = {bytes(transform(Image.open(path).convert(mode)).numpy()) for path in folder.rglob("*.*")}
    assert {bytes(image) for image in images} == expected
    assert len(expected) == len(images) == 8


def test_images_of_one_size_are_only_converted(folder):
    for path in folder.rglob("*.*"):
        picture(12, 10, "L").save(path.with_suffix(".png"))
        path.with_suffix(".tif").unlink(missing_ok=True)
    images = loaded(folder, (3, 12, 10), convert="rgb")
    assert (images == images[:, :1]).all()


def test_a_picture_is_turned_upright_before_it_is_resized(tmp_path):
    upright = picture(20, 30, "RGB")
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn clockwise makes it upright
    for label in "ab":
        (tmp_path / "own" / label).mkdir(parents=True)
        for number in range(2):
            upright.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "own" / label / f"{number}.png", exif=exif)
    images = loaded(tmp_path / "own", (3, 10, 15), resize=10)
    assert torch.equal(torch.from_numpy(images[0]), v2.PILToTensor()(v2.Resize(10)(upright)))


def test_every_picture_that_cannot_become_of_the_shape_is_named_at_once(folder):
    (folder / "a" / "broken.png").write_text("none")
    picture(9, 30, "RGB").save(folder / "b" / "small.png")
    Image.new("I;16", (30, 30)).save(folder / "b" / "deep.png")
    with pytest.raises(BadImages) as caught:
        loaded(folder, (3, 20, 20), crop="center", convert="rgb")
    assert len(caught.value.problems) == 3
    for problem in ("broken.png", "at least 20 x 20 pixels to crop", "no further channels; got I;16B: b/deep.png"):
        assert problem in str(caught.value)


def test_of_very_many_bad_pictures_the_first_are_named_and_the_others_counted(folder):
    for number in range(30):
        (folder / "a" / f"bad{number}.png").write_text("none")
    with pytest.raises(BadImages, match="There are 10 more such files") as caught:
        loaded(folder, (3, 16, 16), resize=16, crop="center", convert="rgb")
    assert len(str(caught.value).splitlines()) == 21


@pytest.mark.parametrize(
    ("prepared", "message"),
    [
        ({"resize": 15, "crop": "center"}, "resize of dataset 'mine' to be at least 16"),
        ({"resize": 17}, "to be exactly 16"),
        ({"resize": [16, 20]}, r"to be exactly \[16, 16\]"),
        ({"resize": 0}, "length of the shorter side"),
        ({"resize": 16.0}, "length of the shorter side"),
        ({"resize": [16, 16, 16]}, "length of the shorter side"),
        ({"resize": 5000}, "at most 4096"),
        ({"crop": "centre"}, "Unknown crop 'centre'.*'center'"),
        ({"convert": "gray"}, "Unknown convert 'gray'.*'grey'"),
        ({"convert": "grey"}, "with 1 channels, since convert is grey; got"),
    ],
)
def test_settings_that_cannot_give_the_shape_are_refused_before_an_image_is_read(tmp_path, prepared, message):
    with pytest.raises(InvalidInputError, match=message):
        load_split(settings_of((3, 16, 16), **prepared), source=tmp_path / "none", generator=np.random.default_rng(0))


def test_what_is_suggested_makes_all_images_fit(folder):
    found = look(folder)
    assert (found.image_shape, found.preparation) == ((3, 20, 20), {"resize": 20, "crop": "center", "convert": "rgb"})
    assert loaded(folder, found.image_shape, **found.preparation).shape == (8, 3, 20, 20)
    preparation = Preparation.of(settings_of(found.image_shape, **found.preparation))
    assert not look(folder, found.image_shape, preparation).problems


@pytest.mark.parametrize(
    ("stored", "shape", "keys"),
    [
        ([("RGB", 8, 9)], (3, 8, 9), {}),
        ([("RGB", 400, 300), ("RGB", 300, 400)], (3, 224, 224), {"resize": 256, "crop": "center"}),
        ([("RGB", 240, 300), ("RGB", 300, 400)], (3, 224, 224), {"resize": 224, "crop": "center"}),
        ([("L", 8, 9), ("1", 8, 9)], (1, 8, 9), {"convert": "grey"}),
        ([("L", 8, 9), ("RGB", 8, 9)], (3, 8, 9), {"convert": "rgb"}),
        ([("P", 8, 9)], (3, 8, 9), {"convert": "rgb"}),
    ],
)
def test_nothing_is_suggested_that_is_not_needed(stored, shape, keys):
    assert suggested(Stored(*each) for each in stored) == (shape, keys)


def test_of_a_photograph_with_companions_the_first_picture_is_taken(tmp_path):
    first, companion = picture(20, 30, "RGB"), picture(20, 30, "RGB")
    for label in "ab":
        (tmp_path / "own" / label).mkdir(parents=True)
        for number in range(2):
            first.save(tmp_path / "own" / label / f"{number}.jpg", "MPO", save_all=True, append_images=[companion], quality=95)
    assert look(tmp_path / "own").preparation == {"convert": "rgb"}
    images = loaded(tmp_path / "own", (3, 20, 30), convert="rgb")
    with Image.open(tmp_path / "own" / "a" / "0.jpg") as stored:
        assert stored.n_frames == 2
        expected = np.asarray(stored).transpose(2, 0, 1)
    assert (images == expected).all()


@pytest.mark.parametrize(
    "prepared", [{}, {"resize": 16, "crop": "center"}, {"convert": "rgb"}], ids=["as it is", "resized", "converted"]
)
def test_a_damaged_picture_is_refused_however_it_is_prepared(tmp_path, prepared):
    """Pillow decodes a damaged PNG at the second attempt, with other pixels."""
    for label in "ab":
        (tmp_path / "own" / label).mkdir(parents=True)
        for number in range(2):
            picture(40, 40, "RGB").save(tmp_path / "own" / label / f"{number}.png")
    damaged = tmp_path / "own" / "a" / "1.png"
    content = bytearray(damaged.read_bytes())
    content[len(content) // 3 : len(content) // 3 + 100] = bytes(100)
    damaged.write_bytes(content)
    side = 16 if "crop" in prepared else 40
    with pytest.raises(BadImages, match=r"a/1\.png in .* cannot be decoded"):
        loaded(tmp_path / "own", (3, side, side), **prepared)


def test_a_line_of_pixels_is_not_made_a_huge_picture(tmp_path):
    for label in "ab":
        (tmp_path / "own" / label).mkdir(parents=True)
        Image.new("L", (60_000, 1)).save(tmp_path / "own" / label / "line.png")
    with pytest.raises(BadImages, match="at most 67108864 pixels; got 72000000 x 1200 after resizing"):
        look(tmp_path / "own", (1, 1200, 1200), Preparation(resize=1200, crop="center"))
