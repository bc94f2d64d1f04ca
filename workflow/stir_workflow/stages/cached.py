"""Representations of one target model's file, read as they are needed, for the stage score."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stir.errors import ArtifactError
from stir_workflow.stages.pair import DTYPE, IMAGES, N_FEATURES, names_of, predictions_of, target_layers_of

if TYPE_CHECKING:
    import h5py
    from torch import Tensor

    from stir.controls import Perturbed

Match = Mapping[str, Any]
"""What `read_matches` says of an inversion."""


@contextmanager
def opened_representations(path: Path, first: int | None = None) -> "Iterator[Cached]":
    """Give the representations of a sealed file: of all images, or of the first so many.

    Raises
    ------
    ArtifactError
        If the file does not match its seal.
    """
    from stir.hdf5 import opened
    from stir_workflow.store.artifacts import checked, sealed_recipe

    with opened(checked(path)) as file:
        recipe = sealed_recipe(path)
        yield Cached(path, file, recipe.inputs["checkpoint"], recipe.settings, first)


class Cached:
    """Representations of one target model, of X and of the pictures of inversions."""

    def __init__(self, path: Path, file: "h5py.File", checkpoint: Any, settings: Mapping[str, Any], first: int | None) -> None:
        self._first = first
        self.path, self._file, self.checkpoint = path, file, checkpoint
        self._layers, self._in_features = target_layers_of(settings), settings["basis"] == "features"

    def of_images(self, layer: str) -> "Tensor":
        """Return m2(X) at the model's own layer for a layer of the reference model."""
        return self._read(f"{layer}/{IMAGES}")

    def perturbed(self, match: Match) -> "Perturbed":
        """Return m2 of the pictures of an inversion."""
        from stir.controls import Perturbed

        names = names_of(match["layer"], match["random_seed"])
        (of_iri,), (of_seed_images,) = names["iri_images"], names["seed_images"]
        noise = [self._read(name) for name in names["noise"]]
        return Perturbed(self._read(of_iri), noise, self._read(of_seed_images) if of_seed_images in self._file else None)

    def same_class_fraction(self, match: Match) -> float:
        """Return how often the model predicts the same class for X and X'; NaN where it predicts none."""
        (of_iri,) = names_of(match["layer"], match["random_seed"])["iri_images"]
        names = [predictions_of(name) for name in (IMAGES, of_iri)]
        if any(name not in self._file for name in names):
            return float("nan")
        first, second = map(self._read, names)
        return (first == second).double().mean().item()

    def n_features(self, layer: str) -> float:
        """Return how many features a layer's representation has; NaN where a file in another basis does not say."""
        if self._in_features:
            return int(self._file[f"{layer}/{IMAGES}"].shape[1])
        said = self._file.attrs.get(N_FEATURES)
        return float("nan") if said is None else int(json.loads(said)[layer])

    def columns(self, layer: str, side: str) -> dict[str, Any]:
        """Return what rows say of the model's own layer for a layer of the reference model."""
        return self._layers[layer].columns(side) | {f"{side}_features": self.n_features(layer)}

    def computed(self) -> dict[str, Any]:
        """Return what rows say of the computation: type of the representations, and kind of device."""
        return {name: self._file.attrs.get(name) for name in (DTYPE, "device_kind")}

    def _read(self, name: str) -> "Tensor":
        import torch

        if name not in self._file:
            raise ArtifactError(f"{self.path} has no array {name!r}; remake it.")
        return torch.from_numpy(self._file[name][: self._first])
