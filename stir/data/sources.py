"""Paths of datasets; no file is accessed here."""

import os
from collections.abc import Mapping
from typing import Any

from stir.data.catalogue import SHIPPED
from stir.errors import DatasetError, InvalidInputError
from stir.names import shortened

DOWNLOADS = "data/downloads"
FOLDER_VARIABLE = "STIR_DATA"
CIFAR10_JPEG_VARIABLE = "STIR_CIFAR10_JPEG"


def dataset_source(settings: Mapping[str, Any], environment: Mapping[str, str]) -> str | None:
    """Return the path from which a dataset's job reads it.

    Parameters
    ----------
    settings : mapping
        ``name``, optionally ``path``.
    environment : mapping
        Environment variables: ``STIR_CIFAR10_JPEG`` names the folder or archive of CIFAR-10 as JPEG files,
        ``STIR_DATA`` the folder with all other datasets.

    Returns
    -------
    str or None
        A file or folder, which may not exist; None if the dataset is included in a package.

    Raises
    ------
    InvalidInputError
        If settings of data outside the catalogue have no path, or the path begins with the home of an unknown user.

    Examples
    --------
    >>> from stir.data import dataset_source
    >>> dataset_source({"name": "digits"}, {})
    >>> dataset_source({"name": "cifar10"}, {"STIR_DATA": "/data"})
    '/data'
    """
    if settings.get("path"):
        return expanded(settings["path"])
    if "format" in settings:
        raise InvalidInputError(f"Dataset {settings['name']!r} is data of your own: expected the key path; there is none.")
    if settings["name"] in SHIPPED:
        return None
    if settings["name"] == "cifar10_jpeg" and environment.get(CIFAR10_JPEG_VARIABLE):
        return environment[CIFAR10_JPEG_VARIABLE]
    return environment.get(FOLDER_VARIABLE) or DOWNLOADS


def expanded(path: str) -> str:
    """Return a path with ``~`` or ``~user`` replaced by the home folder.

    Raises
    ------
    DatasetError
        If there is no such user, or the path has NUL.
    """
    found = os.path.expanduser(path)  # noqa: PTH111
    if found.startswith("~") or "\0" in found:
        raise DatasetError(
            f"Expected a path; got {shortened(path)}, which begins with no user's home or has NUL. "
            "Correct it; a file whose name begins with ~ is ./~name."
        )
    return found
