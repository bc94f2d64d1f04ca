"""Data outside the catalogue, in the supported formats."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from stir.data.array_files import read_hdf5, read_numpy
from stir.data.catalogue import IMAGE_FORMATS
from stir.data.class_folders import read_class_folders
from stir.data.collection import Collection
from stir.data.decoding import prepared
from stir.data.files import kind_of
from stir.data.fingerprints import fingerprint
from stir.data.image_files import image_files
from stir.data.preparation import Preparation, Shape
from stir.errors import DatasetError
from stir.names import shown

Reader: TypeAlias = Callable[[Path, Shape, int], Collection]

ARRAY_READERS: dict[str, Reader] = {"hdf5": read_hdf5, "numpy": read_numpy}
KINDS = {"folder": ("a folder",), "archive": ("a file",), "hdf5": ("a file",), "numpy": ("a file", "a folder")}
"""Format -> kinds of path."""


def load_own(settings: Mapping[str, Any], source: Path) -> Collection:
    """Return the images at a path.

    Raises
    ------
    DatasetError
        If there are none, or if they do not match the fingerprint, if there is one, the sizes or the classes of the settings.
    """
    _check_kind(settings, source)
    if "fingerprint" in settings and (came := fingerprint(source)) != str(settings["fingerprint"]).lower():
        raise DatasetError(
            f"Expected fingerprint {settings['fingerprint']} of dataset {settings['name']!r}; got {came} of {shown(source)}. "
            "These are other data, or were altered: correct path, or, to use them, correct fingerprint or leave it out. If the "
            "experiment names none, they changed meanwhile: remove data/fingerprints, and run it again."
        )
    shape, n_classes = tuple(settings["image_shape"]), settings["n_classes"]
    if settings["format"] in IMAGE_FORMATS:
        return read_class_folders(image_files(source), shape, n_classes, prepared(shape, Preparation.of(settings)))
    return ARRAY_READERS[settings["format"]](source, shape, n_classes)


def _check_kind(settings: Mapping[str, Any], source: Path) -> None:
    came = kind_of(source)
    expected = KINDS[settings["format"]]
    if came not in expected:
        raise DatasetError(
            f"Expected {' or '.join(expected)} at {shown(source)} for dataset {settings['name']!r}, since its format is "
            f"{settings['format']}; there is {came}. Put it there, or correct dataset.path or format."
        )
