"""STIR of all pairs of several models: each is inverted once, and each represents every set of pictures once."""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple, cast

from jaxtyping import Int
from torch import Tensor, nn

from stir.beside_inversion import Represented, Target, represent_perturbed, represent_pictures
from stir.controls import Perturbed
from stir.errors import InvalidInputError, StirError, warn_caller
from stir.inversion import Inversion, InversionSettings, invert
from stir.inversion.api import DEFAULTS, AnyLayer
from stir.inversion.settings import changed_settings
from stir.layers import Select, layer_spec
from stir.match_columns import PER_IMAGE, match_columns
from stir.models.usable import check_model
from stir.names import shortened
from stir.pair_rows import IMAGES, Model, Pair, scores_of, together
from stir.shared_invariance import check_request
from stir.shared_invariance_matrix_result import SharedInvarianceMatrix as SharedInvarianceMatrix
from stir.similarity import get_similarity_measure
from stir.stored_images import Images

Layers = AnyLayer | Sequence[AnyLayer]
"""One layer, or several."""


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
    random_seed : int
        Seed of the seed images, as in `stir.invert`.
    settings : InversionSettings
        As in `stir.invert`. Pooling and batch size also apply to the representations.
    labels : Int[Tensor, "n"], optional
        As in `stir.invert`.
    progress : bool
        As in `stir.invert`.
    images_dataset : str
        What tables and figures call the images.
    **changes
        Fields of `InversionSettings` in place of those of ``settings``.

    Returns
    -------
    SharedInvarianceMatrix
        Scores and controls of all pairs, and the inversions.

    Warns
    -----
    FewImagesWarning
        As in `stir.shared_invariance`.
    ConvergenceWarning
        As in `stir.shared_invariance`.
    MatchWarning
        As `stir.shared_invariance` does, naming the model.

    Raises
    ------
    InvalidInputError
        If an argument cannot be used; before any model is inverted.
    NondeterministicModelError
        If a model represents the same images differently the second time.

    Examples
    --------
    >>> import torch, stir
    >>> from sklearn.datasets import load_digits
    >>> from stir.models import Architecture, build_model
    >>> images = torch.tensor(load_digits().images[:30, None] / 16).float()
    >>> first, second = (build_model(Architecture("resnet8", 8, 1, 10), random_seed=i).eval() for i in (0, 1))
    >>> matrix = stir.shared_invariance_matrix({"first": first, "second": second}, images, tolerance=0.1)
    >>> matrix.matrix("similarity").round(2)
    target_model     first  second
    reference_model
    first             1.00    0.29
    second            0.29    1.00
    """
    settings = changed_settings(settings, changes)
    named, measures = _named(models), _measures(similarity_measure)
    layers = {name: [layer_spec(one, select, settings.pooling) for one in of] for name, of in _layers(layer, named).items()}
    check_request(images, settings)
    known: list[list[Model]] = [[] for _ in next(iter(layers.values()))]
    for name, model in named.items():
        for number, spec in enumerate(layers[name]):
            target = Target(model, spec, settings.batch_size)
            known[number].append(Model(name, target, _of_images(name, target, images)))
    how = _How(random_seed, settings, labels, progress)
    scores, inversions = [], {}
    for at_layer in known:
        for reference in at_layer:
            pairs = _pairs(reference, at_layer, images, how)
            for pair in pairs:
                inversions[reference.name, reference.layer] = pair.inversion
                scores.append(scores_of(pair, measures))
    return SharedInvarianceMatrix(*together(scores), images_dataset, inversions)


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


def _inverted(reference: Model, images: Images, how: _How) -> Inversion:
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


def _pairs(reference: Model, targets: Sequence[Model], images: Images, how: _How) -> Iterator[Pair]:
    """Invert a model, and give its pairs with all models; the reference represents its IRIs only once."""
    inversion = _inverted(reference, images, how)
    matched = match_columns(
        {**vars(how.settings), "random_seed": how.random_seed},
        {name: array.values for name, array in inversion.arrays().items() if name in PER_IMAGE},
    )

    def perturbed(model: Model) -> tuple[Perturbed, Tensor]:
        bounds = how.settings.pixel_bounds
        pictures = images, inversion.iri_images, inversion.seed_images
        return represent_perturbed(model.target, *pictures, pixel_bounds=bounds, random_seed=how.random_seed)

    own = perturbed(reference)
    for target in targets:
        found, classes = own if target is reference else perturbed(target)
        yield Pair(reference, target, inversion, matched, own[0], found, classes)
