"""Where a dataset is looked for; no file is touched here."""

import os
from collections.abc import Mapping
from typing import Any

DOWNLOADS = "data/downloads"
FOLDER_VARIABLE = "STIR_DATA"
CIFAR10_JPEG_VARIABLE = "STIR_CIFAR10_JPEG"


def dataset_source(settings: Mapping[str, Any], environment: Mapping[str, str]) -> str | None:
    """Return the path at which a dataset's job looks for it.

    Parameters
    ----------
    settings : mapping
        ``name``, perhaps ``path``.
    environment : mapping
        Variables: ``STIR_CIFAR10_JPEG`` names the folder or archive of CIFAR-10 as JPEG files,
        ``STIR_DATA`` the folder with all other datasets.

    Returns
    -------
    str or None
        A file or folder, whether it is there or not; None if the dataset ships with a package.
    """
    if settings.get("path"):
        return os.path.expanduser(settings["path"])  # noqa: PTH111
    if settings["name"] == "digits":
        return None
    if settings["name"] == "cifar10_jpeg" and environment.get(CIFAR10_JPEG_VARIABLE):
        return environment[CIFAR10_JPEG_VARIABLE]
    return environment.get(FOLDER_VARIABLE) or DOWNLOADS
