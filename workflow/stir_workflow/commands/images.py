"""The images X, as commands are told of them: pictures in a folder or archive, arrays in a file, or a dataset by name."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stir.errors import InvalidInputError
from stir.names import shortened, shown
from stir_workflow.messages import say

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

MOST_SIDE = 4096


@dataclass(frozen=True)
class Images:
    """X."""

    images: "Tensor"
    """(n, channels, height, width), in [0, 1]."""
    labels: "Tensor | None"
    """Classes, where they are known."""
    described: str
    """What they are and of how many they were drawn, for people."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height, width."""
        _, channels, height, width = self.images.shape
        return channels, height, width


def sides_of(size: str | None) -> tuple[int, int] | None:
    """Read ``--size``: one side or HEIGHTxWIDTH.

    Raises
    ------
    InvalidInputError
        If it is neither.
    """
    if size is None:
        return None
    sides = [int(side) if side.isascii() and side.isdecimal() and len(side) < 5 else 0 for side in size.split("x")]
    if len(sides) > 2 or not all(0 < side <= MOST_SIDE for side in sides):
        raise InvalidInputError(f"Expected --size as a side or HEIGHTxWIDTH in pixels, such as 224; got {shortened(size)}.")
    return sides[0], sides[-1]


def read_images(named: str, n_images: int, size: str | None, channels: str | None, random_seed: int) -> Images:
    """Return images, drawn at random.

    Raises
    ------
    StirError
        If there are none, or they differ in size, or cannot be read.
    """
    import numpy as np

    sides, generator = sides_of(size), np.random.default_rng(random_seed)
    path = own_path(named)
    if path is None:
        return _of_dataset(named, n_images, generator, converted=bool(sides or channels))
    if path.suffix == ".npy":
        return _of_array(path, n_images, generator, converted=bool(sides or channels))
    return _of_files(path, n_images, generator, sides, channels)


def own_path(named: str) -> Path | None:
    """Return the file or folder that there is, which comes before a dataset of the same name; None if there is neither.

    Raises
    ------
    DatasetError
        If it is no path.
    """
    from stir.data import DATASETS
    from stir.data.sources import expanded

    path = Path(expanded(named))
    if not path.exists():
        return None
    if named in DATASETS:
        kind = "folder" if path.is_dir() else "file"
        say(f"Images: the {kind} ./{path} here, not the dataset {named}, which is read where there is no such {kind}.")
    return path


def _of_dataset(name: str, n_images: int, generator: "np.random.Generator", *, converted: bool) -> Images:
    import torch

    from stir.data import DATASETS, dataset_source
    from stir.data.dataset import load_split
    from stir.errors import near_matches

    if name not in DATASETS:
        raise InvalidInputError(
            f"Expected a file, a folder or a dataset as --images; got {shortened(name)}. {near_matches(name, DATASETS)}"
        )
    _refuse_conversion(name, converted=converted)
    facts = DATASETS[name]
    most = facts.n_test_default or (facts.images or 0) - (not facts.test_only)
    settings = {"name": name, "n_test": min(n_images, most)}
    split = load_split(settings, source=dataset_source(settings, os.environ), generator=generator)
    images = torch.from_numpy(split.test_images).float() / split.white_level
    return Images(images, torch.from_numpy(split.test_labels).long(), f"{len(images)} test images of {name}")


def _of_array(path: Path, n_images: int, generator: "np.random.Generator", *, converted: bool) -> Images:
    from stir.data.files import broken_files_refused
    from stir.data.numpy_files import read_npy

    _refuse_conversion(str(path), converted=converted)
    with broken_files_refused(lambda reason: f"Cannot read {shown(path)}: {reason}. Save one array of images with numpy.save."):
        array = read_npy(path)
    return _drawn(path, array, None, 1 if array.dtype.kind == "f" else 255, n_images, generator)


def _of_files(
    path: Path, n_images: int, generator: "np.random.Generator", sides: tuple[int, int] | None, channels: str | None
) -> Images:
    from stir.data.looking import format_of, read_arrays

    if format_of(path) in ("folder", "archive"):
        return _of_pictures(path, n_images, generator, sides, channels)
    _refuse_conversion(str(path), converted=bool(sides or channels))
    images, labels, white_level = read_arrays(path)
    return _drawn(path, images, labels, white_level, n_images, generator)


def _of_pictures(
    path: Path, n_images: int, generator: "np.random.Generator", sides: tuple[int, int] | None, channels: str | None
) -> Images:
    """Decode as many pictures as are asked for, as they are stored, or resized and converted."""
    import torch

    from stir.data.decoding import covering, decode
    from stir.data.image_files import image_files
    from stir.data.looking import stored_images
    from stir.data.preparation import Preparation

    files = image_files(path)
    names = [files.names[number] for number in sorted(generator.permutation(len(files.names))[:n_images].tolist())]
    stored = stored_images(files, names)
    (_, *own), sizes = next(iter(stored)).shape, sorted({(image.height, image.width) for image in stored})
    shape = int(channels) if channels else 3 if any(image.channels > 1 for image in stored) else 1, *(sides or own)
    if len(sizes) > 1 and not sides:
        said = ", ".join(f"{height} x {width}" for height, width in sizes[:3])
        raise InvalidInputError(
            f"Expected pictures of one size in {shown(path)}; got {said}{', ...' * (len(sizes) > 3)}. Resize them: --size 224."
        )
    as_they_are = all(Preparation().problem(image, shape) is None for image in stored)
    decoded = decode(files, names, shape, None if as_they_are else covering(shape))
    return Images(torch.from_numpy(decoded).float() / 255, None, f"{len(names)} of {len(files.names)} pictures in {shown(path)}")


def _drawn(
    path: Path,
    images: "np.ndarray",
    labels: "np.ndarray | None",
    white_level: int,
    n_images: int,
    generator: "np.random.Generator",
) -> Images:
    import numpy as np
    import torch

    from stir.data.looking import shape_of
    from stir.data.ranges import check_range

    channels, *_ = shape_of(images, path)
    which = np.sort(generator.permutation(len(images))[:n_images])
    check_range(images[which], white_level, f"images of {shown(path)}", remedy="give the value of white in an array white_level")
    drawn = torch.from_numpy(np.ascontiguousarray(images[which])).float().div(white_level).clamp(0, 1)
    drawn = drawn[:, None] if drawn.ndim == 3 else drawn if drawn.shape[1] == channels else drawn.permute(0, 3, 1, 2).contiguous()
    classes = None if labels is None else torch.from_numpy(labels[which].reshape(-1).astype(np.int64))
    return Images(drawn, classes, f"{len(which)} of {len(images)} images in {shown(path)}")


def _refuse_conversion(what: str, *, converted: bool) -> None:
    if converted:
        raise InvalidInputError(
            f"Expected --size and --channels with pictures in a folder or archive; got them with {shown(what)}. Leave them out."
        )


def as_read(images: Images) -> dict[str, Any]:
    """Return what JSON says of images."""
    return {"images": images.described, "image_shape": list(images.shape), "n_images": len(images.images)}
