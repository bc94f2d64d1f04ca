"""The whole method in one call: invert m1, show the IRIs to m2, compare."""

from dataclasses import dataclass, replace
from typing import Any

from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from stir.errors import InvalidInputError
from stir.inversion import InversionSettings, InversionSnapshot, invert
from stir.inversion.api import DEFAULTS
from stir.inversion.settings import changed_settings
from stir.layers import LayerSpec, Select, layer_spec
from stir.representations import represent
from stir.score import score
from stir.similarity import get_similarity_measure
from stir.stored_images import Images


@dataclass(frozen=True)
class SharedInvariance:
    """To what degree the target model shares the reference model's invariances."""

    score: float
    """STIR(m2 | m1, X)."""
    similarity: float
    """Plain S_rep(m1(X), m2(X))."""
    inversion_error: Float[Tensor, " n"]
    """‖m1(X')−m1(X)‖₂ / ‖m1(X)‖₂, per image."""
    converged: Bool[Tensor, " n"]
    """Whether each image reached the tolerance."""
    iri_images: Float[Tensor, "n ..."]
    """X'. With a snapshot, on disk: slices of it are tensors."""
    seed_images: Float[Tensor, "n ..."]
    """Where the inversion began. With a snapshot, made when asked for: slices of it are tensors."""
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
        m1, whose invariances they are, and m2, which may share them. Both are left as found.
    images : Float[Tensor, "n ..."] or StoredImages
        X, within the pixel bounds, as both models take them.
    layer : str or LayerSpec, optional
        Of both models, as in `stir.represent`; by default their penultimate layers.
    reference_layer, target_layer : str or LayerSpec, optional
        The same where the models name their layers differently; instead of ``layer``.
    select : str or int, optional
        Which tensor of what a layer gives, for both models; a `LayerSpec` carries its own.
    similarity_measure : str
        A name in `stir.similarity.SIMILARITY_MEASURES`.
    random_seed, settings, labels, progress, snapshot, **changes
        As in `stir.invert`. Pooling and batch size are those of the representations, too.

    Returns
    -------
    SharedInvariance
        The score over all images, with what is needed to judge it.

    Warns
    -----
    ConvergenceWarning
        If some images did not converge; the score is over all of them.
    MatchWarning
        If X' matches X no better than other images do, as in `stir.invert`; the score then says little.

    Raises
    ------
    InvalidInputError
        If an argument cannot be used, or ``layer`` comes with another layer argument.

    References
    ----------
    Nanda et al. 2022, arXiv:2206.11939, equation 2.
    """
    settings = changed_settings(settings, changes)
    get_similarity_measure(similarity_measure)
    of_reference, of_target = (
        layer_spec(each, select, settings.pooling) for each in _layers(layer, reference_layer, target_layer)
    )

    def represented(model: nn.Module, spec: LayerSpec, of: Images) -> Tensor:
        return represent(model, of, layer=spec, batch_size=settings.batch_size)

    target_of_reference = represented(target_model, of_target, images)
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
    scored = score(
        reference_of_reference=represented(reference_model, of_reference, images),
        target_of_reference=target_of_reference,
        target_of_iri=represented(target_model, of_target, inversion.iri_images),
        similarity_measure=similarity_measure,
    )
    return SharedInvariance(
        score=scored.stir,
        similarity=scored.similarity,
        inversion_error=inversion.inversion_error,
        converged=inversion.converged,
        iri_images=inversion.iri_images,
        seed_images=inversion.seed_images,
        similarity_measure=similarity_measure,
    )


AnyLayer = str | LayerSpec | None


def _layers(layer: AnyLayer, reference_layer: AnyLayer, target_layer: AnyLayer) -> tuple[AnyLayer, AnyLayer]:
    if layer is not None and (reference_layer is not None or target_layer is not None):
        raise InvalidInputError(
            f"Expected either layer={layer!r} for both models, or reference_layer and target_layer; got both kinds. "
            "Drop one of them."
        )
    return (layer, layer) if layer is not None else (reference_layer, target_layer)
