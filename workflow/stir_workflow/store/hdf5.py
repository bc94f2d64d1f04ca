"""Arrays in self-describing HDF5 files that are reproducible bit for bit."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from stir.errors import ArtifactError
from stir.hdf5 import IMAGE_DIMS as IMAGE_DIMS
from stir.hdf5 import Labelled as Labelled
from stir.hdf5 import opened, write_labelled
from stir.hdf5 import texts as texts
from stir.provenance import package_versions
from stir_workflow.store.artifacts import checked
from stir_workflow.store.identity import Recipe


def write_arrays(
    path: Path,
    arrays: Mapping[str, Labelled],
    recipe: Recipe,
    *,
    device: str,
    device_kind: str | None = None,
    attributes: Mapping[str, Any] | None = None,
) -> None:
    """Write labelled arrays, with recipe, versions and device (and its kind, if given) as attributes of the file.

    Raises
    ------
    OSError
        If the disk is too full.
    """
    versions = {f"{package}_version": version for package, version in package_versions().items()}
    kind = {} if device_kind is None else {"device_kind": device_kind}
    write_labelled(path, arrays, {"recipe": recipe.to_json(), "device": device, **kind, **versions, **(attributes or {})})


def read_attribute(path: Path, name: str) -> Any:
    """Return an attribute of a sealed file; None if it has none of that name.

    Raises
    ------
    ArtifactError
        If the file is not what its seal says.
    """
    with opened(checked(path)) as file:
        return file.attrs.get(name)


def read_arrays(path: Path, *names: str) -> list[np.ndarray]:
    """Read arrays of a sealed file.

    Raises
    ------
    ArtifactError
        If the file does not match its seal, or has no array with a name.
    """
    with opened(checked(path)) as file:
        for name in names:
            if name not in file:
                raise ArtifactError(f"{path} has no array {name!r}; it has {', '.join(map(repr, file))}.")
        return [file[name][()] for name in names]


def read_present(path: Path, *names: str) -> dict[str, np.ndarray]:
    """Read those arrays of a sealed file that it has.

    Raises
    ------
    ArtifactError
        If the file does not match its seal.
    """
    with opened(checked(path)) as file:
        return {name: file[name][()] for name in names if name in file}
