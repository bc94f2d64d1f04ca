"""Shared invariance of every image, for every pair of models: the HDF5 file beside an experiment's tables."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from stir_workflow.store.identity import Recipe

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from stir_workflow.store.hdf5 import Labelled
    from stir_workflow.store.scores import Scores

PAIRS = ("reference_model", "target_model", "reference_layer", "random_seed", "images_dataset")
"""What names a row of the scores per image: arrays of the file."""


def write_per_image(
    path: Path,
    recipe: Recipe,
    scores: "Sequence[Scores]",
    *,
    names: Mapping[str, str],
    images_datasets: Sequence[str],
    datasets: Iterable[Path],
) -> None:
    """Write scores per image, with the names of their pairs, and the index and class of each image in the test set.

    Parameters
    ----------
    path : Path
        The file.
    recipe : Recipe
        Of the tables.
    scores : sequence of Scores
        Of all references.
    names : mapping
        Checkpoint key -> name of a model or reference.
    images_datasets : sequence of str
        For each of ``scores``, the name of the dataset of its images.
    datasets : iterable of Path
        Dataset artifacts, in the order in which their names first appear.
    """
    import numpy as np

    from stir.files import temporary_beside
    from stir_workflow.store.atomic import flush, put
    from stir_workflow.store.hdf5 import Labelled, write_arrays

    per_image = np.concatenate([of_reference.per_image for of_reference in scores])
    pairs = _pairs(scores, names, images_datasets)
    arrays = {"shared_invariance": Labelled(per_image, ("pair", "image"), "PNKA of m2(X) and m2(X')")}
    arrays |= {name: Labelled(_array(pairs[name]), ("pair",), name.replace("_", " ")) for name in PAIRS}
    for name, dataset in zip(dict.fromkeys(images_datasets), datasets, strict=True):
        arrays |= _images(f"images/{name}", dataset, per_image.shape[1])
    with temporary_beside(path) as temporary:
        write_arrays(temporary, arrays, recipe, device="cpu")
        flush(temporary)
        put(temporary, path)


def _pairs(scores: "Sequence[Scores]", names: Mapping[str, str], images_datasets: Sequence[str]) -> "pd.DataFrame":
    import pandas as pd

    found = [
        of_reference.pairs.assign(reference_checkpoint=of_reference.rows["reference_checkpoint"].iloc[0], images_dataset=label)
        for of_reference, label in zip(scores, images_datasets, strict=True)
    ]
    pairs = pd.concat(found, ignore_index=True).rename(columns={"layer": "reference_layer"})
    return pairs.assign(**{f"{side}_model": pairs[f"{side}_checkpoint"].map(names) for side in ("reference", "target")})


def _images(group: str, dataset: Path, n_images: int) -> "dict[str, Labelled]":
    import numpy as np

    from stir_workflow.stages.images import read_class_names
    from stir_workflow.store.hdf5 import Labelled, read_arrays, texts

    (labels,) = read_arrays(dataset, "test_labels")
    arrays = {
        f"{group}/index": Labelled(np.arange(n_images), ("image",), "number of the image in the test set"),
        f"{group}/label": Labelled(labels[:n_images], ("image",), "class number"),
    }
    if names := read_class_names(dataset):
        arrays[f"{group}/class_names"] = Labelled(texts(names), ("class",), "name")
    return arrays


def _array(column: "pd.Series") -> "np.ndarray":
    from stir_workflow.store.hdf5 import texts

    return column.to_numpy() if column.dtype.kind in "iuf" else texts(list(column))
