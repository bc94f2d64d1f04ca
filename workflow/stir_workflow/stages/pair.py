"""Stage pair: what one target model makes of X and of one reference model's IRIs."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from stir.errors import InvalidInputError, check_known
from stir_workflow.stages.job import Job, computed_on
from stir_workflow.stages.layer_setting import LayerSetting
from stir_workflow.stages.networks import network_of

if TYPE_CHECKING:
    from torch import Tensor

BASES = ("features", "joint")
"""What representations may be kept as: features, or coordinates in a joint orthogonal basis."""


N_FEATURES = "n_features"
"""Attribute of files in a joint basis, whose arrays do not show it: layer -> features, as JSON."""


def make(job: Job) -> None:
    """Store m2(X) and m2(X') for every layer and random seed, so that STIR needs this file alone.

    Arrays are named after the reference model's layer; the target model's may be another (`target_layers_of`).
    """
    import json

    import torch

    from stir.representations import represent, represent_layers
    from stir_workflow.stages.images import read_images
    from stir_workflow.store.artifacts import sealed_recipe, sealing
    from stir_workflow.store.hdf5 import Labelled, read_arrays, write_arrays

    settings, device = job.settings, job.torch_device()
    check_known("basis", settings["basis"], BASES)
    model = network_of(job).to(device)
    images, _ = read_images(job.one("dataset"), "test", first=settings["n_images"])
    specs, batch_size = {layer: own.spec() for layer, own in target_layers_of(settings).items()}, settings["batch_size"]
    found = represent_layers(model, images, list(specs.values()), batch_size=batch_size)
    of_reference = dict(zip(specs, found, strict=True))
    arrays = {f"{layer}/reference_images": represented for layer, represented in of_reference.items()}
    for path in job.inputs["iris"]:
        made = sealed_recipe(path).settings
        layer, (iri_images,) = LayerSetting.of(made).text, read_arrays(path, "iri_images")
        of_iri = represent(model, torch.from_numpy(iri_images), layer=specs[layer], batch_size=batch_size)
        if settings["basis"] == "joint":
            arrays[f"{layer}/reference_images"], of_iri = _in_joint_basis(of_reference[layer], of_iri)
        arrays[f"{layer}/iri_images/{made['random_seed']}"] = of_iri
    unit = "activation" if settings["basis"] == "features" else "activation, or coordinate in a joint orthogonal basis"
    labelled = {name: Labelled(array.numpy(), ("image", "feature"), unit) for name, array in arrays.items()}
    counts = {layer: represented.shape[1] for layer, represented in of_reference.items()}
    attributes = {N_FEATURES: json.dumps(counts)} if settings["basis"] == "joint" else {}
    with sealing(job.output, job.recipe, **computed_on(device)) as path:
        write_arrays(path, labelled, job.recipe, attributes=attributes, **computed_on(device))


def target_layers_of(settings: Mapping[str, Any]) -> dict[str, LayerSetting]:
    """Return the target model's layer for each layer of the reference model, after which arrays are named.

    Raises
    ------
    InvalidInputError
        If there are not as many of them.
    """
    layers = settings["layers"]
    target_layers = settings.get("target_layers", layers)
    if len(layers) != len(target_layers):
        raise InvalidInputError(
            f"Expected a layer in target_layers for each in layers; got {len(target_layers)} for {len(layers)}: "
            f"{target_layers} for {layers}. Name them in the same order."
        )
    names = [LayerSetting.of(layer).text for layer in layers]
    return dict(zip(names, map(LayerSetting.of, target_layers), strict=True))


def _in_joint_basis(x: "Tensor", x_prime: "Tensor") -> "tuple[Tensor, Tensor]":
    """Return m2(X) and m2(X') in a joint orthogonal basis, which begins with a basis of m2(X).

    So m2(X) is the same beside the IRIs of every random seed, and is nothing but zeros in the rest of the basis.
    """
    import torch

    from stir.similarity import joint_basis

    n = len(x)
    if x.shape[1] <= n + len(x_prime):
        return x, x_prime
    of_x, of_x_prime = joint_basis(x, x_prime)
    return torch.as_tensor(of_x[:, :n]).contiguous(), torch.as_tensor(of_x_prime)
