"""Stage iri: identically represented inputs of one reference model, layer and random seed."""

from stir_workflow.stages.job import Job, computed_on
from stir_workflow.stages.layer_setting import LayerSetting
from stir_workflow.stages.networks import network_of

OF_THE_JOB = ("layer", "select", "pooling", "random_seed", "n_images", "threads")
"""Settings beside those of the inversion; a setting that is neither is refused."""


def make(job: Job) -> None:
    """Invert the reference model for the first test images, and store every image with its errors."""
    from stir.inversion import InversionSettings, InversionSnapshot, invert
    from stir.inversion.settings import changed_settings
    from stir_workflow.stages.images import opened_images
    from stir_workflow.store.artifacts import sealing
    from stir_workflow.store.hdf5 import write_arrays

    settings, device = job.settings, job.torch_device()
    model = network_of(job).to(device)
    how = changed_settings(InversionSettings(), {name: value for name, value in settings.items() if name not in OF_THE_JOB})
    snapshot = InversionSnapshot(job.snapshot_path())
    with opened_images(job.one("dataset"), "test", first=settings["n_images"]) as (images, labels):
        inversion = invert(
            model,
            images,
            layer=LayerSetting.of(settings).spec(),
            random_seed=settings["random_seed"],
            settings=how,
            labels=labels,
            progress=True,
            snapshot=snapshot,
        )
        with sealing(job.output, job.recipe, **computed_on(device)) as path:
            # Recipes that leave no choice say it themselves.
            used = {} if how.precision == "float32" else {"precision_used": inversion.precision_used}
            write_arrays(path, inversion.arrays(), job.recipe, **computed_on(device), attributes=used)
    snapshot.discard()
