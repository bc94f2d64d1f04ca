"""The whole method in one call: invert m1, represent the IRIs by m2, and compare."""

import math
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from jaxtyping import Bool, Float, Int
from torch import Generator, Tensor, nn

from stir.beside_inversion import Target, represent_perturbed, represent_pictures
from stir.checks import check_batch_size, check_images
from stir.controls import N_ORDERS, ControlledScore, Perturbed, beside_controls, controls_of, draw_orders
from stir.controls.or_nan import pnka_or_nan, similarity_or_nan
from stir.errors import FewImagesWarning, InvalidInputError, warn_caller
from stir.inversion import InversionSettings, InversionSnapshot, invert
from stir.inversion.api import DEFAULTS
from stir.inversion.settings import changed_settings
from stir.layers import LayerSpec, Select, layer_spec
from stir.models.outputs import NO_CLASS
from stir.representations import represent
from stir.score import score
from stir.similarity import get_similarity_measure
from stir.stored_images import Images
from stir.table_controls import LEAST_IMAGES_OF_NULL, missing_for_few_images

RANDOM_SEED_OF_ORDERS = 0
"""Of the shuffles of the null, which all scores share."""


@dataclass(frozen=True)
class SharedInvariance:
    """The degree to which the target model shares the reference model's invariances."""

    score: float
    """STIR(m2 | m1, X)."""
    similarity: float
    """Plain S_rep(m1(X), m2(X))."""
    controls: ControlledScore
    """The score beside what it is to be compared with: interval over images, ceiling, floors, null, noise, excess."""
    target_same_class_fraction: float
    """How often m2 predicts the same class for X and X'; NaN where it predicts none."""
    per_image: Float[Tensor, " n"]
    """PNKA of m2(X) and m2(X') of every image; NaN where it is undefined."""
    inversion_error: Float[Tensor, " n"]
    """‖m1(X')−m1(X)‖₂ / ‖m1(X)‖₂, per image."""
    converged: Bool[Tensor, " n"]
    """Whether each image reached the tolerance."""
    iri_images: Float[Tensor, "n ..."]
    """X'. With a snapshot it is stored on disk, and its slices are tensors."""
    seed_images: Float[Tensor, "n ..."]
    """Starting points of the inversion. With a snapshot they are made on demand, and slices are tensors."""
    similarity_measure: str
    """Name of S_rep."""


def shared_invariance(
    *,
    reference_model: nn.Module,
    target_model: nn.Module,
    images: Images,
    layer: str | LayerSpec | None = None,
    reference_layer: str | LayerSpec | None = None,
    target_layer: str | LayerSpec | None = None,
    select: Select = None,
    similarity_measure: str = "linear_cka",
    random_seed: int = 0,
    settings: InversionSettings = DEFAULTS,
    labels: Int[Tensor, " n"] | None = None,
    progress: bool = False,
    snapshot: InversionSnapshot | None = None,
    **changes: Any,
) -> SharedInvariance:
    """Measure STIR(m2 | m1, X) = S_rep(m2(X), m2(X')), where m1(X') = m1(X).

    Swapping the models changes the score.

    Parameters
    ----------
    reference_model, target_model : torch.nn.Module
        m1, whose invariances are considered, and m2, which may share them. Both are left unchanged.
    images : Float[Tensor, "n ..."] or StoredImages
        X, within the pixel bounds, as both models take them.
    layer : str or LayerSpec, optional
        Layer of both models, as in `stir.represent`; by default their penultimate layers.
    reference_layer, target_layer : str or LayerSpec, optional
        Instead of ``layer``, if the models name their layers differently.
    select : str or int, optional
        Which tensor of a layer's output is read, in both models; a `LayerSpec` carries its own.
    similarity_measure : str
        A name in `stir.similarity.SIMILARITY_MEASURES`.
    random_seed, settings, labels, progress, snapshot, **changes
        As in `stir.invert`. Pooling and batch size also apply to the representations.

    Returns
    -------
    SharedInvariance
        The score over all images, with the quantities needed to assess it. The controls take a few forward passes
        of X, X', the seed images and X plus noise, which is little beside an inversion.

    Warns
    -----
    FewImagesWarning
        If there are too few images for an interval or a null, which are then missing.
    ConvergenceWarning
        If some images did not converge; the score is over all of them.
    MatchWarning
        If X' matches X no better than other images do, as in `stir.invert`; the score is then not informative.

    Raises
    ------
    InvalidInputError
        If an argument cannot be used, or ``layer`` comes with another layer argument.
    NondeterministicModelError
        If a model represents the same images differently the second time, or the target model predicts other classes.

    References
    ----------
    Nanda et al. 2022, arXiv:2206.11939, equation 2.
    """
    settings = changed_settings(settings, changes)
    get_similarity_measure(similarity_measure)
    layers = _layers(layer, reference_layer, target_layer)
    of_reference, of_target = (layer_spec(each, select, settings.pooling) for each in layers)
    _check(images, settings)
    target = Target(target_model, of_target, settings.batch_size)
    found = represent_pictures(target, {"images": images.__getitem__}, len(images), classes_of=["images"])
    target_of_reference, classes = found.of["images"], found.classes["images"]
    inversion = invert(
        reference_model,
        images,
        layer=of_reference,
        random_seed=random_seed,
        settings=replace(settings, pooling=of_reference.pooling),
        labels=labels,
        progress=progress,
        snapshot=snapshot,
    )
    pictures = images, inversion.iri_images, inversion.seed_images
    bounds = settings.pixel_bounds
    perturbed, classes_of_iris = represent_perturbed(target, *pictures, pixel_bounds=bounds, random_seed=random_seed)
    reference = partial(represent, reference_model, layer=of_reference, batch_size=settings.batch_size)
    of_both = reference(images), reference(inversion.iri_images)
    scored = score(
        reference_of_reference=of_both[0],
        target_of_reference=target_of_reference,
        target_of_iri=perturbed.of_perturbed,
        similarity_measure=similarity_measure,
    )
    ceiling = similarity_or_nan(similarity_measure, *of_both)
    return SharedInvariance(
        score=scored.stir,
        similarity=scored.similarity,
        controls=_beside(scored.stir, target_of_reference, perturbed, similarity_measure, ceiling),
        target_same_class_fraction=_same_class_fraction(classes, classes_of_iris),
        per_image=pnka_or_nan(target_of_reference, perturbed.of_perturbed),
        inversion_error=inversion.inversion_error,
        converged=inversion.converged,
        iri_images=inversion.iri_images,
        seed_images=inversion.seed_images,
        similarity_measure=similarity_measure,
    )


def _check(images: Images, settings: InversionSettings) -> None:
    check_images(images, pixel_bounds=settings.pixel_bounds)
    check_batch_size(settings.batch_size)
    if missing := missing_for_few_images(len(images)):
        warn_caller(missing, FewImagesWarning)


def _beside(stir: float, of_images: Tensor, perturbed: Perturbed, name: str, ceiling: float) -> ControlledScore:
    n, orders = len(of_images), None
    if n >= LEAST_IMAGES_OF_NULL:
        orders = draw_orders(n, N_ORDERS, generator=Generator().manual_seed(RANDOM_SEED_OF_ORDERS))
    (controls,) = controls_of(of_images, [perturbed], orders=orders, similarity_measure=name)
    return beside_controls(stir, controls, n_images=n, similarity_measure=name, ceiling=ceiling)


def _same_class_fraction(classes: Int[Tensor, " n"], other: Int[Tensor, " n"]) -> float:
    if bool((classes == NO_CLASS).any() | (other == NO_CLASS).any()):
        return math.nan
    return (classes == other).double().mean().item()


AnyLayer = str | LayerSpec | None


def _layers(layer: AnyLayer, reference_layer: AnyLayer, target_layer: AnyLayer) -> tuple[AnyLayer, AnyLayer]:
    if layer is not None and (reference_layer is not None or target_layer is not None):
        raise InvalidInputError(
            f"Expected either layer={layer!r} for both models, or reference_layer and target_layer; got both kinds. "
            "Drop one of them."
        )
    return (layer, layer) if layer is not None else (reference_layer, target_layer)
