"""Classes that models predict for X and X', from the files of pairs."""

from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

import numpy as np

from stir_workflow.stages.pair import IMAGES, names_of, predictions_of

PREDICTIONS = predictions_of("")


class PredictedClasses:
    """Classes by model and IRIs; every file is read once, when it is asked for.

    Parameters
    ----------
    indexes : iterable of Path
        Artifacts of the stage representation.
    models : mapping
        Checkpoint key -> model.
    """

    def __init__(self, indexes: Iterable[Path], models: Mapping[str, str]) -> None:
        from stir_workflow.stages.index import read_index
        from stir_workflow.store.artifacts import sealed_recipe

        self._files: dict[tuple[str, str], Path] = {}
        for index in indexes:
            iris = sealed_recipe(index).inputs["iris"]
            for entry, path in read_index(index).items():
                if entry in models:
                    self._files |= {(key, models[entry]): path for key in iris}
        self._read = cache(read_predictions)

    def of(self, model: str, iri_key: str, layer: str, random_seed: int) -> tuple[np.ndarray, np.ndarray] | None:
        """Return the classes that a model predicts for X and for X'; None where they are not stored."""
        path = self._files.get((iri_key, model))
        if path is None:
            return None
        arrays, (of_iri,) = self._read(path), names_of(layer, random_seed)["iri_images"]
        if not {IMAGES, of_iri} <= arrays.keys():
            return None
        return arrays[IMAGES], arrays[of_iri]


def read_predictions(path: Path) -> dict[str, np.ndarray]:
    """Return the predicted classes in the file of a pair, by what they are predicted for.

    Raises
    ------
    ArtifactError
        If the file does not match its seal.
    """
    import h5py

    from stir.hdf5 import opened
    from stir_workflow.store.artifacts import checked

    found: dict[str, np.ndarray] = {}
    with opened(checked(path)) as file:
        group = file.get(PREDICTIONS.rstrip("/"))
        if group is not None:
            group.visititems(lambda name, item: found.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None)
    return found
