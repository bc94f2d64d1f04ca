"""Stage dataset: images and labels, split into training and test."""

from stir.stages.job import Job

VERSION = 1
IMPORTS = ("sklearn.datasets", "stir.data.dataset", "stir.hdf5")


def make(job: Job) -> None:
    """Load a dataset, split it, and store it as integers from 0 to ``white_level``."""
    import numpy as np

    from stir.artifacts import sealing
    from stir.data.dataset import load_split
    from stir.hdf5 import IMAGE_DIMS, Labelled, write_arrays

    settings = job.settings
    generator = np.random.default_rng(settings["random_seed"])
    split = load_split(settings["name"], n_test=settings["n_test"], generator=generator)
    unit = f"grey level, 0 to {split.white_level}"
    arrays = {
        "train_images": Labelled(split.train_images, IMAGE_DIMS, unit),
        "train_labels": Labelled(split.train_labels, ("image",), "class number"),
        "test_images": Labelled(split.test_images, IMAGE_DIMS, unit),
        "test_labels": Labelled(split.test_labels, ("image",), "class number"),
        "white_level": Labelled(np.asarray(split.white_level), (), "grey level"),
    }
    with sealing(job.output, job.recipe) as path:
        write_arrays(path, arrays, job.recipe, device="cpu")
