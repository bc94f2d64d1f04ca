"""Represent X, X' and the pictures that X' is compared with by one model, a batch at a time, as pictures may lie on disk."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor, nn

from stir.checks import PixelBounds
from stir.controls import N_NOISE, Perturbed, matched_noise
from stir.layers import LayerSpec
from stir.representations import represent_sets
from stir.stored_images import Images

Batch = Callable[[slice], Tensor]
"""Images of a slice."""


class Target(NamedTuple):
    """A model, where it is read, and how many images at once."""

    model: nn.Module
    layer: LayerSpec
    batch_size: int


class Represented(NamedTuple):
    """What a model makes of several sets of n pictures."""

    of: dict[str, Float[Tensor, "n d"]]
    classes: dict[str, Int[Tensor, " n"]]
    """Predicted classes of the sets that they were asked for."""


def represent_pictures(target: Target, pictures: Mapping[str, Batch], n: int, *, classes_of: Sequence[str]) -> Represented:
    """Represent several sets of n pictures; each batch is made when it is needed.

    Raises
    ------
    NondeterministicModelError
        If the model represents the first pictures differently the second time, or predicts other classes.
    """
    batches = [slice(start, start + target.batch_size) for start in range(0, n, target.batch_size)]
    named = {name: [f"{name}, batch {number}" for number in range(len(batches))] for name in pictures}
    sets = (
        (part, batch_of(batch)) for name, batch_of in pictures.items() for part, batch in zip(named[name], batches, strict=True)
    )
    found, predicted = represent_sets(
        target.model,
        sets,
        layer=target.layer,
        batch_size=target.batch_size,
        classes_of=[part for name in classes_of for part in named[name]],
    )
    return Represented(
        {name: torch.cat([found[part] for part in parts]) for name, parts in named.items()},
        {name: torch.cat([predicted[part] for part in named[name]]) for name in classes_of},
    )


def represent_pair(target: Target, images: Images, iri_images: Images) -> Represented:
    """Represent X and X' as ``images`` and ``iri_images``, with the classes predicted for both."""
    pictures: dict[str, Batch] = {"images": images.__getitem__, "iri_images": iri_images.__getitem__}
    return represent_pictures(target, pictures, len(images), classes_of=list(pictures))


def represent_perturbed(
    target: Target,
    images: Images,
    iri_images: Images,
    seed_images: Images,
    *,
    pixel_bounds: PixelBounds,
    random_seed: int,
) -> tuple[Perturbed, Int[Tensor, " n"]]:
    """Represent X', the seed images and X plus noise, and return the classes predicted for X'.

    Parameters
    ----------
    target : Target
        m2.
    images, iri_images, seed_images : Images
        X, X' and the seed images.
    pixel_bounds : tuple of float, optional
        As in `matched_noise`.
    random_seed : int
        Of the noise, which does not depend on the target model.
    """
    generator = Generator().manual_seed(random_seed)

    def noisy(batch: slice) -> Tensor:
        return matched_noise(images[batch], iri_images[batch], pixel_bounds=pixel_bounds, generator=generator)

    noise = [f"noise {draw}" for draw in range(N_NOISE)]
    pictures: dict[str, Batch] = {"iri_images": iri_images.__getitem__, "seed_images": seed_images.__getitem__}
    found, classes = represent_pictures(target, pictures | dict.fromkeys(noise, noisy), len(images), classes_of=["iri_images"])
    perturbed = Perturbed(found["iri_images"], [found[name] for name in noise], found["seed_images"])
    return perturbed, classes["iri_images"]
