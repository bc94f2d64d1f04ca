"""Stage dataset: images and labels, split into training and test."""

import sys

from stir_workflow.stages.job import Job


def make(job: Job) -> None:
    """Load a dataset, split it, and store it with black as 0 and white as ``white_level``."""
    import numpy as np

    from stir.data.dataset import load_split
    from stir_workflow.store.artifacts import sealing
    from stir_workflow.store.hdf5 import IMAGE_DIMS, Labelled, texts, write_arrays

    settings = job.settings
    generator = np.random.default_rng(settings["random_seed"])
    split = load_split(settings, source=job.source, generator=generator)
    took = f"{len(split.train_labels)} for training and {len(split.test_labels)} for testing"
    print(f"{settings['name']}: found {split.found}; took {took}", file=sys.stderr)
    unit = f"grey level, 0 to {split.white_level}"
    arrays = {
        "train_images": Labelled(split.train_images, IMAGE_DIMS, unit),
        "train_labels": Labelled(split.train_labels, ("image",), "class number"),
        "test_images": Labelled(split.test_images, IMAGE_DIMS, unit),
        "test_labels": Labelled(split.test_labels, ("image",), "class number"),
        "white_level": Labelled(np.asarray(split.white_level), (), "grey level"),
    }
    if split.class_names is not None:
        arrays["class_names"] = Labelled(texts(split.class_names), ("class",), "name")
    with sealing(job.output, job.recipe) as path:
        write_arrays(path, arrays, job.recipe, device="cpu")
