"""Stage pair: what one target model makes of X, of one reference model's IRIs, and of what they are compared with."""

from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stir.errors import InvalidInputError, check_known
from stir_workflow.stages.job import Job, computed_on
from stir_workflow.stages.layer_setting import LayerSetting
from stir_workflow.stages.networks import network_of

if TYPE_CHECKING:
    from torch import Tensor, nn

    from stir_workflow.store.hdf5 import Labelled

BASES = ("features", "joint")
"""What representations may be kept as: features, or coordinates in a joint orthogonal basis."""


N_FEATURES = "n_features"
"""Attribute of files in a joint basis, whose arrays do not show it: layer -> features, as JSON."""
DTYPE = "dtype"
"""Attribute: type of the representations before any change of basis."""
IMAGES = "reference_images"


def make(job: Job) -> None:
    """Store m2 of X, X' and the pictures that they are compared with, for every layer and random seed: a score needs no more.

    Arrays are named after the reference model's layer; the target model's may be another (`target_layers_of`).
    """
    import json

    from stir.representations import represent_layers
    from stir_workflow.stages.images import read_images
    from stir_workflow.store.artifacts import sealing
    from stir_workflow.store.hdf5 import write_arrays

    settings, device = job.settings, job.torch_device()
    check_known("basis", settings["basis"], BASES)
    model = network_of(job).to(device)
    images, _ = read_images(job.one("dataset"), "test", first=settings["n_images"])
    specs = {layer: own.spec() for layer, own in target_layers_of(settings).items()}
    found = represent_layers(model, images, list(specs.values()), batch_size=settings["batch_size"])
    of_reference = dict(zip(specs, found, strict=True))
    arrays, classes = _of_inversions(job, model, images, of_reference)
    counts = {layer: represented.shape[1] for layer, represented in of_reference.items()}
    attributes = {N_FEATURES: json.dumps(counts)} if settings["basis"] == "joint" else {}
    attributes[DTYPE] = str(found[0].dtype).removeprefix("torch.")
    labelled = _labelled(arrays, classes, settings["basis"])
    with sealing(job.output, job.recipe, **computed_on(device)) as path:
        write_arrays(path, labelled, job.recipe, attributes=attributes, **computed_on(device))


def names_of(layer: str, random_seed: int) -> "dict[str, list[str]]":
    """Return the arrays of one inversion, by what they represent."""
    from stir.controls import N_NOISE

    return {
        "iri_images": [f"{layer}/iri_images/{random_seed}"],
        "seed_images": [f"{layer}/seed_images/{random_seed}"],
        "noise": [f"{layer}/noise/{random_seed}/{draw}" for draw in range(N_NOISE)],
    }


def predictions_of(name: str) -> str:
    """Return the array of the classes that the target model predicts for the pictures of another."""
    return f"predictions/{name}"


def _of_inversions(
    job: Job, model: "nn.Module", images: "Tensor", of_reference: "Mapping[str, Tensor]"
) -> "tuple[dict[str, Tensor], dict[str, Tensor]]":
    """Return representations and predicted classes of X and of the pictures of every inversion, by name."""
    from stir.models.outputs import NO_CLASS
    from stir.representations import represent_sets
    from stir_workflow.store.artifacts import sealed_recipe

    settings = job.settings
    specs = {layer: own.spec() for layer, own in target_layers_of(settings).items()}
    arrays = {f"{layer}/{IMAGES}": represented for layer, represented in of_reference.items()}
    classes: dict[str, Tensor] = {}
    for path in job.inputs["iris"]:
        made = sealed_recipe(path).settings
        layer = LayerSetting.of(made).text
        pictures = _pictures(path, images, names_of(layer, made["random_seed"]), made["random_seed"])
        if not classes:
            pictures = chain(pictures, [(IMAGES, images)])
        (of_iri,) = names_of(layer, made["random_seed"])["iri_images"]
        found, predicted = represent_sets(
            model, pictures, layer=specs[layer], batch_size=settings["batch_size"], classes_of=(of_iri, IMAGES)
        )
        found.pop(IMAGES, None)
        for name, represented in found.items():
            if settings["basis"] == "joint":
                of_x, represented = _in_joint_basis(of_reference[layer], represented)
                arrays |= {f"{layer}/{IMAGES}": of_x} if name == of_iri else {}
            arrays[name] = represented
        classes |= predicted
    known = all(bool((of != NO_CLASS).all()) for of in classes.values())
    return arrays, classes if known else {}


def _pictures(
    path: "Path", images: "Tensor", names: "Mapping[str, list[str]]", random_seed: int
) -> "Iterator[tuple[str, Tensor]]":
    """Give the pictures of one inversion, X' first; noise depends on the random seed alone, so all target models see the same."""
    import torch

    from stir.controls import matched_noise
    from stir_workflow.store.hdf5 import read_arrays, read_present

    iri_images = torch.from_numpy(read_arrays(path, "iri_images")[0])
    yield names["iri_images"][0], iri_images
    for seed_images in read_present(path, "seed_images").values():
        yield names["seed_images"][0], torch.from_numpy(seed_images)
    generator = torch.Generator().manual_seed(random_seed)
    for name in names["noise"]:
        yield name, matched_noise(images, iri_images, generator=generator)


def _labelled(arrays: "Mapping[str, Tensor]", classes: "Mapping[str, Tensor]", basis: str) -> "dict[str, Labelled]":
    from stir_workflow.store.hdf5 import Labelled

    unit = "activation" if basis == "features" else "activation, or coordinate in a joint orthogonal basis"
    labelled = {name: Labelled(array.numpy(), ("image", "feature"), unit) for name, array in arrays.items()}
    predicted = {
        predictions_of(name): Labelled(of.numpy(), ("image",), "class that the target model predicts")
        for name, of in classes.items()
    }
    return labelled | predicted


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
