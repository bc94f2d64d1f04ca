"""Crops of photographs that scikit-image, scikit-learn and matplotlib ship, at the size of ImageNet's networks.

Each photograph is resized, its shorter side to twice 224 pixels, and cut into crops of 224 x 224 that do not overlap, from
its upper left corner. A crop's class is its photograph. Sources and licences: docs/datasets.md.
"""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image

from stir.data.catalogue import DATASETS
from stir.data.collection import Collection, Part
from stir.digests import sha256_of
from stir.errors import DatasetError

WHITE_LEVEL = 255
CROPS_ACROSS = 2
"""Of the shorter side."""


SCIKIT_IMAGE, SCIKIT_LEARN, MATPLOTLIB = "skimage/data", "sklearn/datasets/images", "matplotlib/mpl-data/sample_data"
PHOTOGRAPHS = {
    f"{SCIKIT_IMAGE}/astronaut.png": "88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5",
    f"{SCIKIT_IMAGE}/brick.png": "7966caf324f6ba843118d98f7a07746d22f6a343430add0233eca5f6eaaa8fcf",
    f"{SCIKIT_IMAGE}/camera.png": "b0793d2adda0fa6ae899c03989482bff9a42d3d5690fc7e3648f2795d730c23a",
    f"{SCIKIT_IMAGE}/chelsea.png": "596aa1e7cb875eb79f437e310381d26b338a81c2da23439704a73c4651e8c4bb",
    f"{SCIKIT_IMAGE}/coffee.png": "cc02f8ca188b167c775a7101b5d767d1e71792cf762c33d6fa15a4599b5a8de7",
    f"{SCIKIT_IMAGE}/coins.png": "f8d773fc9cfa6f4d8e5942dc34d0a0788fcaed2a4fefbbed0aef5398d7ef4cba",
    f"{SCIKIT_IMAGE}/grass.png": "b6b6022426b38936c43a4ac09635cd78af074e90f42ffa8227ac8b7452d39f89",
    f"{SCIKIT_IMAGE}/gravel.png": "c48615b451bf1e606fbd72c0aa9f8cc0f068ab7111ef7d93bb9b0f2586440c12",
    f"{SCIKIT_IMAGE}/hubble_deep_field.jpg": "3a19c5dd8a927a9334bb1229a6d63711b1c0c767fb27e2286e7c84a3e2c2f5f4",
    f"{SCIKIT_IMAGE}/retina.jpg": "38a07f36f27f095e818aea7b96d34202c05176d30253c66733f2e00379e9e0e6",
    f"{SCIKIT_IMAGE}/rocket.jpg": "c2dd0de7c538df8d111e479619b129464d0269d0ae5fd18ca91d33a7fdfea95c",
    f"{SCIKIT_LEARN}/china.jpg": "8378025ad2519d649d02e32bd98990db4ab572357d9f09841c2fbfbb4fefad29",
    f"{SCIKIT_LEARN}/flower.jpg": "a77f6ec41e353afdf8bdff2ea981b2955535d8d83294f8cfa49cf4e423dd5638",
    f"{MATPLOTLIB}/grace_hopper.jpg": "a8ca6d734765703b09728ab47fe59f473d93ae3967fc24c7c0288c3c7adb7130",
}
"""File, beginning with the package that ships it -> SHA-256. Their order numbers the classes."""


def load_photographs() -> Collection:
    """Return images (n, 3, 224, 224) as integers from 0 to 255; the photographs are the classes.

    Raises
    ------
    DatasetError
        If a package is not installed, or ships another file than the one that is meant.
    """
    crops = [_crops(_found(file, sha256)) for file, sha256 in PHOTOGRAPHS.items()]
    labels = np.repeat(np.arange(len(crops)), [len(of_one) for of_one in crops])
    names = tuple(Path(file).stem for file in PHOTOGRAPHS)
    return Collection(Part.of_arrays(np.concatenate(crops), labels), None, WHITE_LEVEL, names)


def _found(file: str, sha256: str) -> Path:
    name, _, within = file.partition("/")
    package = find_spec(name)
    if package is None or package.origin is None:
        raise DatasetError(
            f"Expected the package {name}, which ships {Path(file).name} of dataset 'photographs'; it is not installed. "
            "Run: pip install 'stir-workflow[photographs]'"
        )
    path = Path(package.origin).parent / within
    came = sha256_of(path) if path.is_file() else "no file"
    if came != sha256:
        raise DatasetError(
            f"Expected {path} with SHA-256 {sha256}; got {came}. Install another version of {name}: the dataset 'photographs' "
            "is these files alone."
        )
    return path


def _crops(path: Path) -> np.ndarray:
    """Return the crops of a photograph, row by row."""
    side = DATASETS["photographs"].height
    with Image.open(path) as image:
        # Rounded up, so that three crops fit beside each other into 640 x 427.
        width, height = (-(-length * CROPS_ACROSS * side // min(image.size)) for length in image.size)
        pixels = np.asarray(image.convert("RGB").resize((width, height), Image.Resampling.BICUBIC))
    rows, columns = height // side, width // side
    tiles = pixels[: rows * side, : columns * side].reshape(rows, side, columns, side, 3)
    return tiles.transpose(0, 2, 4, 1, 3).reshape(-1, 3, side, side)
