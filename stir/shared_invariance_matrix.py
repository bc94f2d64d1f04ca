"""STIR of all pairs of several models: each is inverted once, and each represents every set of pictures once."""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, cast

import numpy as np
import pandas as pd
from jaxtyping import Int
from torch import Tensor, nn

from stir.beside_inversion import Represented, Target, represent_perturbed, represent_pictures
from stir.controls import Perturbed
from stir.controls.or_nan import pnka_or_nan, similarity_or_nan, stir_of_converged
from stir.errors import InvalidInputError, StirError, warn_caller
from stir.inversion import Inversion, InversionSettings, invert
from stir.inversion.api import DEFAULTS, AnyLayer
from stir.inversion.settings import changed_settings
from stir.layers import Select, layer_spec
from stir.layers.layer import PENULTIMATE
from stir.match_columns import PER_IMAGE, match_columns
from stir.models.usable import check_model
from stir.names import layer_text, shortened
from stir.provenance import device_kind
from stir.score import score
from stir.score_files import as_stored
from stir.shared_invariance import beside, check_request
from stir.shared_invariance_matrix_result import SharedInvarianceMatrix as SharedInvarianceMatrix
from stir.shared_invariance_result import same_class_fraction
from stir.similarity import get_similarity_measure
from stir.stored_images import Images
from stir.table_controls import TARGET_SAME_CLASS

Layers = AnyLayer | Sequence[AnyLayer]
"""One layer, or several."""
IMAGES = "images"


@dataclass(frozen=True)
class _Model:
    """A model at one of its layers, and what it makes of X."""

    name: str
    target: Target
    of: Represented

    @property
    def of_images(self) -> Tensor:
        """The representations of X."""
        return self.of.of[IMAGES]

    def columns(self, side: str) -> dict[str, Any]:
        """Return what rows say of the layer."""
        spec, width = self.target.layer, self.of_images.shape[1]
        select = f"[{spec.select}]" if isinstance(spec.select, int) else spec.select
        pooling = spec.pooling if isinstance(spec.pooling, str) else getattr(spec.pooling, "__name__", "function")
        said = {"layer": spec.layer or PENULTIMATE, "select": select, "pooling": pooling, "features": width}
        return {f"{side}_{name}": value for name, value in said.items()}

    @property
    def layer(self) -> str:
        """The layer as tables name it."""
        layer, select, pooling, _ = self.columns("").values()
        return layer_text(layer, select, pooling)


@dataclass(frozen=True)
class _Pair:
    """A reference and a target model, and what both make of the IRIs of the reference."""

    reference: _Model
    target: _Model
    inversion: Inversion
    matched: dict[str, Any]
    """Columns of the inversion."""
    own: Perturbed
    """m1 of X', of which the ceiling is."""
    perturbed: Perturbed
    """m2 of X', seed images and noise."""
    classes: Int[Tensor, " n"]
    """That m2 predicts for X'."""


def shared_invariance_matrix(
    models: Mapping[str, nn.Module] | Sequence[nn.Module],
    images: Images,
    *,
    layer: Layers | Mapping[str, Layers] = None,
    select: Select = None,
    similarity_measure: str | Sequence[str] = "linear_cka",
    random_seed: int = 0,
    settings: InversionSettings = DEFAULTS,
    labels: Int[Tensor, " n"] | None = None,
    images_dataset: str = "",
    progress: bool = False,
    **changes: Any,
) -> SharedInvarianceMatrix:
    """Measure STIR(m2 | m1, X) of every ordered pair of models, also of each with itself, which is the ceiling.

    The scores are those of `stir.shared_invariance` for each pair, bit for bit; each model is inverted only once.

    Parameters
    ----------
    models : mapping or sequence of torch.nn.Module
        Name -> model, or models, which are then called ``m1``, ``m2`` and so on. They are left unchanged.
    images : Float[Tensor, "n ..."] or StoredImages
        X, within the pixel bounds, as all models take them.
    layer : str, LayerSpec, sequence or mapping, optional
        Layer of all models, as in `stir.represent`; several; or name of a model -> its layer or layers, of which those at the
        same position are compared. By default the penultimate layers.
    select : str or int, optional
        As in `stir.represent`.
    similarity_measure : str or sequence of str
        Names in `stir.similarity.SIMILARITY_MEASURES`.
    random_seed, settings, labels, progress, **changes
        As in `stir.invert`. Pooling and batch size also apply to the representations.
    images_dataset : str
        What tables and figures call the images.

    Returns
    -------
    SharedInvarianceMatrix
        Scores and controls of all pairs, and the inversions.

    Warns
    -----
    FewImagesWarning, ConvergenceWarning, MatchWarning
        As `stir.shared_invariance` does, naming the model.

    Raises
    ------
    InvalidInputError
        If an argument cannot be used; before any model is inverted.
    NondeterministicModelError
        If a model represents the same images differently the second time.
    """
    settings = changed_settings(settings, changes)
    named, measures = _named(models), _measures(similarity_measure)
    layers = {name: [layer_spec(one, select, settings.pooling) for one in of] for name, of in _layers(layer, named).items()}
    check_request(images, settings)
    known: list[list[_Model]] = [[] for _ in next(iter(layers.values()))]
    for name, model in named.items():
        for number, spec in enumerate(layers[name]):
            target = Target(model, spec, settings.batch_size)
            known[number].append(_Model(name, target, _of_images(name, target, images)))
    how = _How(random_seed, settings, labels, progress)
    scores, inversions = [], {}
    for at_layer in known:
        for reference in at_layer:
            pairs = _pairs(reference, at_layer, images, how)
            for pair in pairs:
                inversions[reference.name, reference.layer] = pair.inversion
                scores.append(_scores(pair, measures))
    return SharedInvarianceMatrix(*_together(scores), images_dataset, inversions)


class _How(NamedTuple):
    """How models are inverted."""

    random_seed: int
    settings: InversionSettings
    labels: Int[Tensor, " n"] | None
    progress: bool


def _named(models: Mapping[str, nn.Module] | Sequence[nn.Module]) -> dict[str, nn.Module]:
    if isinstance(models, Mapping):
        named = dict(models)
    elif isinstance(models, list | tuple):
        named = {f"m{number}": model for number, model in enumerate(models, start=1)}
    else:
        raise InvalidInputError(f"Expected models as a mapping or a list; got {type(models).__name__}. Pass {{name: model}}.")
    if not named or not all(isinstance(name, str) and name for name in named):
        raise InvalidInputError(f"Expected models with texts as names; got {shortened(list(named))}. Pass {{name: model}}.")
    for name, model in named.items():
        check_model(model, f"models[{name!r}]")
    return named


def _measures(similarity_measure: str | Sequence[str]) -> list[str]:
    measures = [similarity_measure] if isinstance(similarity_measure, str) else list(dict.fromkeys(similarity_measure))
    for measure in measures:
        get_similarity_measure(measure)
    if not measures:
        raise InvalidInputError("Expected a similarity measure; got none. Leave similarity_measure out for linear_cka.")
    return measures


def _layers(layer: Layers | Mapping[str, Layers], named: Mapping[str, nn.Module]) -> dict[str, list[AnyLayer]]:
    """Return the layers of every model, as many of each."""
    of_each = layer if isinstance(layer, Mapping) else dict.fromkeys(named, layer)
    if of_each.keys() != named.keys():
        raise InvalidInputError(
            f"Expected layers of the models {', '.join(named)}; got those of {shortened(list(of_each))}. Name each model once."
        )
    layers = {name: list(each) if isinstance(each, list | tuple) else [cast("AnyLayer", each)] for name, each in of_each.items()}
    if len({len(each) for each in layers.values()}) > 1 or not all(layers.values()):
        counts = {name: len(each) for name, each in layers.items()}
        raise InvalidInputError(f"Expected as many layers of every model, at least one; got {shortened(counts)}. Name as many.")
    if twice := [name for name, each in layers.items() if len(set(map(str, each))) < len(each)]:
        raise InvalidInputError(f"Expected different layers of each model; got one of {twice[0]!r} twice. Leave it out.")
    return layers


def _of_images(name: str, target: Target, images: Images) -> Represented:
    try:
        return represent_pictures(target, {IMAGES: images.__getitem__}, len(images), classes_of=[IMAGES])
    except StirError as error:
        raise type(error)(f"Model {name}: {error}") from error


def _inverted(reference: _Model, images: Images, how: _How) -> Inversion:
    """Invert a model; warnings and errors name it."""
    model, layer, _ = reference.target
    pooled = replace(how.settings, pooling=layer.pooling)
    given: dict[str, Any] = {"random_seed": how.random_seed, "labels": how.labels, "progress": how.progress}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            inversion = invert(model, images, layer=layer, settings=pooled, **given)
        except StirError as error:
            raise type(error)(f"Model {reference.name}: {error}") from error
    for warning in caught:
        warn_caller(f"Model {reference.name}: {warning.message}", warning.category)
    return inversion


def _pairs(reference: _Model, targets: Sequence[_Model], images: Images, how: _How) -> Iterator[_Pair]:
    """Invert a model, and give its pairs with all models; the reference represents its IRIs only once."""
    inversion = _inverted(reference, images, how)
    matched = match_columns(
        {**vars(how.settings), "random_seed": how.random_seed},
        {name: array.values for name, array in inversion.arrays().items() if name in PER_IMAGE},
    )

    def perturbed(model: _Model) -> tuple[Perturbed, Tensor]:
        bounds = how.settings.pixel_bounds
        pictures = images, inversion.iri_images, inversion.seed_images
        return represent_perturbed(model.target, *pictures, pixel_bounds=bounds, random_seed=how.random_seed)

    own = perturbed(reference)
    for target in targets:
        found, classes = own if target is reference else perturbed(target)
        yield _Pair(reference, target, inversion, matched, own[0], found, classes)


_Scored = tuple[list[dict[str, Any]], list[np.ndarray], dict[str, Any], np.ndarray]
"""Of a pair: rows per measure, STIR without each image per measure, the row of the pair, and PNKA per image."""


def _scores(pair: _Pair, measures: Sequence[str]) -> _Scored:
    both = [_row(pair, measure) for measure in measures]
    which = _names(pair) | {"layer": pair.reference.layer, "random_seed": pair.matched["random_seed"]}
    per_image = pnka_or_nan(pair.target.of_images, pair.perturbed.of_perturbed)
    return [row for row, _ in both], [without for _, without in both], which, per_image.double().cpu().numpy()


def _names(pair: _Pair) -> dict[str, str]:
    return {"reference_checkpoint": pair.reference.name, "target_checkpoint": pair.target.name}


def _row(pair: _Pair, measure: str) -> tuple[dict[str, Any], np.ndarray]:
    """Return the row of a pair for a measure, and STIR without each image."""
    of_images, of_perturbed = pair.target.of_images, pair.perturbed.of_perturbed
    scored = score(
        reference_of_reference=pair.reference.of_images,
        target_of_reference=of_images,
        target_of_iri=of_perturbed,
        similarity_measure=measure,
    )
    ceiling = similarity_or_nan(measure, pair.reference.of_images, pair.own.of_perturbed)
    controls, controlled = beside(scored.stir, of_images, pair.perturbed, measure, ceiling)
    without = controls.without_each
    row = {
        **_names(pair),
        **pair.reference.columns("reference"),
        **pair.target.columns("target"),
        "similarity_measure": measure,
        "stir": scored.stir,
        "stir_converged": stir_of_converged(measure, of_images, of_perturbed, pair.inversion.converged, scored.stir),
        "similarity": scored.similarity,
        **controlled.columns(),
        TARGET_SAME_CLASS: same_class_fraction(pair.target.of.classes[IMAGES], pair.classes),
        "dtype": str(of_images.dtype).removeprefix("torch."),
        "device_kind": device_kind(str(of_images.device)),
        **pair.matched,
    }
    return row, np.full(len(of_images), np.nan) if without is None else without.double().cpu().numpy()


def _together(scores: Sequence[_Scored]) -> tuple[pd.DataFrame, np.ndarray, pd.DataFrame, np.ndarray]:
    """Return the scores of all pairs as tables and arrays."""
    rows, without_each, pairs, per_image = zip(*scores, strict=True)
    tables = [as_stored(pd.DataFrame(each)) for each in ([row for of_pair in rows for row in of_pair], pairs)]
    return tables[0], np.stack([each for of_pair in without_each for each in of_pair]), tables[1], np.stack(per_image)
