"""The whole method in one call: invert m1, represent the IRIs by m2, and compare."""

from dataclasses import replace
from typing import Any

from jaxtyping import Int
from torch import Generator, Tensor, nn

from stir.beside_inversion import Target, represent_pair, represent_perturbed, represent_pictures
from stir.checks import check_batch_size, check_images
from stir.controls import N_ORDERS, ControlledScore, Controls, Perturbed, beside_controls, controls_of, draw_orders
from stir.controls.or_nan import pnka_or_nan, similarity_or_nan
from stir.errors import FewImagesWarning, InvalidInputError, warn_caller
from stir.inversion import InversionSettings, InversionSnapshot, invert
from stir.inversion.api import DEFAULTS
from stir.inversion.settings import changed_settings
from stir.layers import LayerSpec, Select, layer_spec
from stir.score import score
from stir.shared_invariance_result import SharedInvariance as SharedInvariance
from stir.shared_invariance_result import same_class_fraction
from stir.similarity import get_similarity_measure
from stir.stored_images import Images
from stir.table_controls import LEAST_IMAGES_OF_NULL, missing_for_few_images

RANDOM_SEED_OF_ORDERS = 0
"""Of the shuffles of the null, which all scores share."""


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
    random_seed : int
        Seed of the seed images, as in `stir.invert`.
    settings : InversionSettings
        As in `stir.invert`. Pooling and batch size also apply to the representations.
    labels : Int[Tensor, "n"], optional
        As in `stir.invert`.
    progress : bool
        As in `stir.invert`.
    snapshot : InversionSnapshot, optional
        As in `stir.invert`.
    **changes
        Fields of `InversionSettings` in place of those of ``settings``.

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

    Examples
    --------
    >>> import torch, stir
    >>> from sklearn.datasets import load_digits
    >>> from stir.models import Architecture, build_model
    >>> images = torch.tensor(load_digits().images[:30, None] / 16).float()
    >>> first, second = (build_model(Architecture("resnet8", 8, 1, 10), random_seed=i).eval() for i in (0, 1))
    >>> result = stir.shared_invariance(reference_model=first, target_model=second, images=images, tolerance=0.1)
    >>> print(f"{result.similarity:.2f}, {result.converged_fraction:.0%} converged")
    0.29, 100% converged
    >>> 0 < result.score < result.controls.ceiling
    True
    """
    settings = changed_settings(settings, changes)
    get_similarity_measure(similarity_measure)
    layers = _layers(layer, reference_layer, target_layer)
    of_reference, of_target = (layer_spec(each, select, settings.pooling) for each in layers)
    check_request(images, settings)
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
    of_both = represent_pair(Target(reference_model, of_reference, settings.batch_size), images, inversion.iri_images)
    scored = score(
        reference_of_reference=of_both.of["images"],
        target_of_reference=target_of_reference,
        target_of_iri=perturbed.of_perturbed,
        similarity_measure=similarity_measure,
    )
    ceiling = similarity_or_nan(similarity_measure, of_both.of["images"], of_both.of["iri_images"])
    _, controls = beside(scored.stir, target_of_reference, perturbed, similarity_measure, ceiling)
    return SharedInvariance(
        score=scored.stir,
        similarity=scored.similarity,
        controls=controls,
        target_same_class_fraction=same_class_fraction(classes, classes_of_iris),
        per_image=pnka_or_nan(target_of_reference, perturbed.of_perturbed),
        reference_class=of_both.classes["images"],
        reference_class_of_iri=of_both.classes["iri_images"],
        target_class=classes,
        target_class_of_iri=classes_of_iris,
        inversion=inversion,
        similarity_measure=similarity_measure,
    )


def check_request(images: Images, settings: InversionSettings) -> None:
    """Refuse images or batches that cannot be used, and warn of too few images, on behalf of the caller."""
    check_images(images, pixel_bounds=settings.pixel_bounds)
    check_batch_size(settings.batch_size)
    if missing := missing_for_few_images(len(images)):
        warn_caller(missing, FewImagesWarning)


def beside(stir: float, of_images: Tensor, perturbed: Perturbed, name: str, ceiling: float) -> tuple[Controls, ControlledScore]:
    """Return the controls of a score, and the score on the scales between them."""
    n, orders = len(of_images), None
    if n >= LEAST_IMAGES_OF_NULL:
        orders = draw_orders(n, N_ORDERS, generator=Generator().manual_seed(RANDOM_SEED_OF_ORDERS))
    (controls,) = controls_of(of_images, [perturbed], orders=orders, similarity_measure=name)
    return controls, beside_controls(stir, controls, n_images=n, similarity_measure=name, ceiling=ceiling)


AnyLayer = str | LayerSpec | None


def _layers(layer: AnyLayer, reference_layer: AnyLayer, target_layer: AnyLayer) -> tuple[AnyLayer, AnyLayer]:
    if layer is not None and (reference_layer is not None or target_layer is not None):
        raise InvalidInputError(
            f"Expected either layer={layer!r} for both models, or reference_layer and target_layer; got both kinds. "
            "Drop one of them."
        )
    return (layer, layer) if layer is not None else (reference_layer, target_layer)
