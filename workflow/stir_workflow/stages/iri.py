"""Stage iri: identically represented inputs of one reference, layer and random seed; or perturbed images in their place."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from stir.errors import ArtifactError
from stir.names import shown
from stir_workflow.stages.job import Job, computed_on
from stir_workflow.stages.layer_setting import LayerSetting
from stir_workflow.stages.networks import network_of
from stir_workflow.store.identity import KEY_DIGITS, Recipe

PERTURBED_IMAGES = "perturbed_images"
"""Setting, dataset and array of images of one's own that take the place of IRIs; the setting is the SHA-256 of their file."""
OF_THE_JOB = ("layer", "select", "pooling", "random_seed", "n_images", "threads", "members")
"""Settings beside those of the inversion; a setting that is neither is refused."""


def make(job: Job) -> None:
    """Store IRIs of a model or of an ensemble for the first test images, or perturbed images in their place."""
    if PERTURBED_IMAGES in job.settings:
        _take(job)
    else:
        _invert(job)


def _invert(job: Job) -> None:
    """Invert the reference model, or several, and store every image with its errors."""
    from stir.inversion import InversionSettings, InversionSnapshot, invert
    from stir.inversion.settings import changed_settings
    from stir_workflow.stages.images import opened_images
    from stir_workflow.store.artifacts import sealing
    from stir_workflow.store.hdf5 import write_arrays

    settings, device = job.settings, job.torch_device()
    checkpoints = job.inputs.get("checkpoints") or [job.one("checkpoint")]
    models = [network_of(replace(job, inputs={"checkpoint": [path]})).to(device) for path in checkpoints]
    layers = [LayerSetting.of(said).spec() for said in settings.get("members", [settings])]
    how = changed_settings(InversionSettings(), {name: value for name, value in settings.items() if name not in OF_THE_JOB})
    snapshot = InversionSnapshot(job.snapshot_path())
    with opened_images(job.one("dataset"), "test", first=settings["n_images"]) as (images, labels):
        inversion = invert(
            models if len(models) > 1 else models[0],
            images,
            layer=layers if len(layers) > 1 else layers[0],
            random_seed=settings["random_seed"],
            settings=how,
            labels=labels,
            progress=True,
            snapshot=snapshot,
        )
        with sealing(job.output, job.recipe, **computed_on(device)) as path:
            # Recipes that leave no choice say it themselves.
            used: dict[str, Any] = {} if how.precision == "float32" else {"precision_used": inversion.precision_used}
            used["curve_evaluations"] = inversion.curve_evaluations
            write_arrays(path, inversion.arrays(), job.recipe, **computed_on(device), attributes=used)
    snapshot.discard()


def _take(job: Job) -> None:
    """Store perturbed images of a file, if it is as it was when the run was planned.

    Raises
    ------
    DatasetError
        If they are not one image in [0, 1] per reference image.
    ArtifactError
        If the file has another content.
    """
    from stir.data.perturbed_images import read_perturbed_images
    from stir.digests import sha256_of
    from stir_workflow.stages.images import opened_images
    from stir_workflow.store.artifacts import sealing
    from stir_workflow.store.hdf5 import IMAGE_DIMS, Labelled, write_arrays

    source, device = Path(job.source or ""), job.torch_device()
    with opened_images(job.one("dataset"), "test", first=job.settings["n_images"]) as (images, _):
        shape = images.shape
    perturbed = read_perturbed_images(source, tuple(shape))
    if (found := sha256_of(source)) != job.settings[PERTURBED_IMAGES]:
        raise ArtifactError(
            f"Expected {shown(source)} as it was when the run was planned, with SHA-256 {job.settings[PERTURBED_IMAGES]}; got "
            f"{found}. Run the workflow again: it plans with the file that is there."
        )
    arrays = {"iri_images": Labelled(perturbed, IMAGE_DIMS, "pixel value in [0, 1]")}
    with sealing(job.output, job.recipe, **computed_on(device)) as path:
        write_arrays(path, arrays, job.recipe, **computed_on(device))


def reference_key(recipe: Recipe) -> str:
    """Return what rows of scores call the reference of a set of IRIs: a checkpoint, several, or a file of perturbed images."""
    if PERTURBED_IMAGES in recipe.settings:
        return str(recipe.settings[PERTURBED_IMAGES])[:KEY_DIGITS]
    return "+".join(recipe.inputs["checkpoints"]) if "checkpoints" in recipe.inputs else str(recipe.inputs["checkpoint"])
