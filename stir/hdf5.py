"""Arrays in HDF5 files that explain themselves and are the same bit for bit each time."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from stir.artifacts import checked
from stir.errors import ArtifactError
from stir.identity import Recipe
from stir.provenance import package_versions

ROWS_AT_ONCE = 64
IMAGE_DIMS = ("image", "channel", "height", "width")


@dataclass(frozen=True)
class Labelled:
    """An array, with a name for every dimension and the unit of its values."""

    values: Any
    """An array; or what has a shape and gives tensors for slices, written some rows at a time."""
    dims: tuple[str, ...]
    unit: str


def write_arrays(
    path: Path,
    arrays: Mapping[str, Labelled],
    recipe: Recipe,
    *,
    device: str,
    device_kind: str | None = None,
    attributes: Mapping[str, Any] | None = None,
) -> None:
    """Write labelled arrays, with recipe, versions and device (and its kind, where given) as attributes of the file."""
    with h5py.File(path, "w", track_order=False) as file:
        file.attrs["recipe"] = recipe.to_json()
        file.attrs["device"] = device
        if device_kind is not None:
            file.attrs["device_kind"] = device_kind
        for package, version in package_versions().items():
            file.attrs[f"{package}_version"] = version
        for name, value in (attributes or {}).items():
            file.attrs[name] = value
        for name, array in arrays.items():
            dataset = _write(file, name, array.values)
            dataset.attrs["unit"] = array.unit
            for axis, label in enumerate(array.dims):
                dataset.dims[axis].label = label


def _write(file: h5py.File, name: str, values: Any) -> h5py.Dataset:
    if isinstance(values, np.ndarray):
        return file.create_dataset(name, data=values, track_times=False)
    dataset = file.create_dataset(name, tuple(values.shape), dtype=values[:1].numpy().dtype, track_times=False)
    for start in range(0, len(values), ROWS_AT_ONCE):
        dataset[start : start + ROWS_AT_ONCE] = values[start : start + ROWS_AT_ONCE].numpy()
    return dataset


def read_arrays(path: Path, *names: str) -> list[np.ndarray]:
    """Read arrays of a sealed file.

    Raises
    ------
    ArtifactError
        If the file is not what its seal says, or has no array of a name.
    """
    with h5py.File(checked(path), "r") as file:
        for name in names:
            if name not in file:
                raise ArtifactError(f"{path} has no array {name!r}; it has {', '.join(map(repr, file))}.")
        return [file[name][()] for name in names]


def read_recipe(path: Path) -> Recipe:
    """Read the recipe in a file's attributes."""
    with h5py.File(path, "r") as file:
        return Recipe.from_json(str(file.attrs["recipe"]))
