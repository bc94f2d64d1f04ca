"""ImageNet's validation images, in one folder per class (synset), as torchvision's networks expect them.

Source: Russakovsky et al. 2015, arXiv 1409.0575. Each image is resized so that its shorter side has 256 pixels, and
cropped to the 224 x 224 pixels in its centre. Only images that are drawn are decoded.
"""

import re
from pathlib import Path

from PIL import Image

from stir.data.catalogue import DATASETS
from stir.data.class_folders import read_class_folders
from stir.data.collection import Collection
from stir.data.decoding import applied
from stir.data.image_files import image_files
from stir.data.preparation import CENTER, Preparation
from stir.data.sources import FOLDER_VARIABLE
from stir.errors import DatasetError

PREPARATION = Preparation(resize=256, crop=CENTER, convert="rgb")
SHAPE = DATASETS["imagenet"].channels, DATASETS["imagenet"].height, DATASETS["imagenet"].width
SYNSET = re.compile(r"n\d{8}")
PLACES = (".", "val", "imagenet", "imagenet/val")


def load_imagenet(source: Path) -> Collection:
    """Return the validation images below a folder."""
    return read_class_folders(image_files(_found(source)), SHAPE, DATASETS["imagenet"].classes, prepare=_prepare)


def _found(source: Path) -> Path:
    for place in PLACES:
        folder = source / place
        if folder.is_dir() and any(SYNSET.fullmatch(child.name) for child in folder.iterdir()):
            return folder
    raise DatasetError(
        f"Expected ImageNet's validation images at {source}, in val/ or imagenet/val/ in it, in a folder per class "
        "(n01440764/, ...); there are none, and image-net.org gives them to those with an account only. "
        f"Put them there, or name their folder in the variable {FOLDER_VARIABLE} or under dataset.path."
    )


def _prepare(image: Image.Image) -> Image.Image:
    """Prepare an image as torchvision's presets do: neither its EXIF orientation nor further frames are looked at."""
    return applied(image, PREPARATION, SHAPE)
