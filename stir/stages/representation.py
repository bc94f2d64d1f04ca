"""Stage representation: what one target model makes of X and of one reference model's IRIs."""

from stir.stages.job import Job

VERSION = 1


def make(job: Job) -> None:
    """Store m2(X) and m2(X') for every layer and random seed, so that STIR needs this file alone."""
    import torch

    from stir.artifacts import checked, sealing
    from stir.hdf5 import Labelled, read_arrays, read_recipe, write_arrays
    from stir.models import read_model
    from stir.representations import represent
    from stir.stages.images import read_images

    settings, device = job.settings, job.torch_device()
    model = read_model(checked(job.one("checkpoint"))).to(device)
    images, _ = read_images(job.one("dataset"), "test", first=settings["n_images"])
    pictures = {f"{layer}/reference_images": (layer, images) for layer in settings["layers"]}
    for path in job.inputs["iris"]:
        made = read_recipe(path).settings
        (iri_images,) = read_arrays(path, "iri_images")
        pictures[f"{made['layer']}/iri_images/{made['random_seed']}"] = (made["layer"], torch.from_numpy(iri_images))
    arrays = {}
    for name, (layer, batch) in pictures.items():
        representation = represent(model, batch, layer=layer, batch_size=settings["batch_size"])
        arrays[name] = Labelled(representation.numpy(), ("image", "feature"), "activation")
    with sealing(job.output, job.recipe, device=str(device)) as path:
        write_arrays(path, arrays, job.recipe, device=str(device))
