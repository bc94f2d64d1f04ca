"""Arrays of inversions and scores per image -> galleries and agreements; pictures are chosen before any is read."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from jaxtyping import UInt8

from stir_workflow.report.album import Album
from stir_workflow.report.content import Agreement, AgreementImage, Gallery, Picture
from stir_workflow.report.scores import number

MOST_MODELS = 24
"""Models of which images of pairs are shown; of more, the first so many."""
MOST_PICTURES = 4000
"""Pictures that agreements name, all pairs together."""
MOST_OF_A_PAIR = 4
QUANTILES = 11
CURVE_POINTS = 40
MOST_BYTES = 2**28
"""Memory that pictures may take before they are encoded."""


@dataclass(frozen=True)
class Inversions:
    """Arrays of one set of IRIs, an entry per image, without its pictures."""

    model: str
    layer: str
    images_dataset: str
    random_seed: int
    method: str
    seed_images: str
    tolerance: float | None
    flags: list[str]
    arrays: Mapping[str, np.ndarray]
    """Those of the IRI file that it has."""
    error_curve: list[tuple[int, float]] | None = None


KINDS = ("reference", "seed", "iri")
Pixels = Mapping[tuple[str, int], UInt8[np.ndarray, "c h w"]]
"""Kind, of `KINDS`, and number of an image -> its pixels, from 0 to 255."""
Key = tuple[str, str, str, int]
"""Model, layer, dataset of images and random seed of a gallery."""


def gallery_of(inversions: Inversions, names: Sequence[str], indices: Sequence[int], shown: Iterable[int]) -> Gallery:
    """Summarise one set of IRIs; pictures are not in it yet.

    Parameters
    ----------
    inversions : Inversions
        The set.
    names, indices : sequences
        Class and number in the test set of each image.
    shown : iterable of int
        Which of its images are to be shown.
    """
    arrays = inversions.arrays
    errors, converged, iterations = (arrays.get(name) for name in ("inversion_error", "converged", "iterations"))
    matched = _matched(arrays)
    items = [
        Picture(
            int(indices[at]),
            names[at],
            reference=None,
            seed=None,
            iri=None,
            error=_at(errors, at),
            converged=None if converged is None else bool(converged[at]),
            matched=None if matched is None else bool(matched[at]),
        )
        for at in shown
    ]
    return Gallery(
        inversions.model,
        inversions.layer,
        inversions.images_dataset,
        inversions.random_seed,
        inversions.method,
        inversions.seed_images,
        inversions.tolerance,
        len(names),
        converged_fraction=None if converged is None else number(converged.mean()),
        error_median=_median(errors),
        seed_error_median=_median(arrays.get("seed_error")),
        iterations_median=_median(iterations),
        curve=inversions.error_curve,
        converged_curve=None if iterations is None or converged is None else _converged_curve(iterations, converged),
        errors=[] if errors is None else [float(e) for e in np.quantile(errors, np.linspace(0, 1, QUANTILES)).round(4)],
        flags=inversions.flags,
        items=items,
    )


def _at(values: np.ndarray | None, at: int) -> float | None:
    return None if values is None else number(values[at])


def _median(values: np.ndarray | None) -> float | None:
    return None if values is None or np.isnan(values).all() else number(np.nanmedian(values))


def _matched(arrays: Mapping[str, np.ndarray]) -> np.ndarray | None:
    """Return which images match better than the null: 99 of 100 correlations with other images."""
    correlation, null = arrays.get("correlation"), arrays.get("null_correlation")
    if correlation is None or null is None or np.isnan(null).all():
        return None
    return np.asarray(correlation > np.nanquantile(null, 0.99))


def _converged_curve(iterations: np.ndarray, converged: np.ndarray) -> list[tuple[int, float]]:
    """Return after how many evaluations which fraction of all images had converged."""
    last = int(iterations.max(initial=0))
    steps = np.unique(np.linspace(0, last, CURVE_POINTS).astype(int))
    return [(int(step), round(float(((iterations <= step) & converged).mean()), 4)) for step in steps]


def error_curve(evaluations: Sequence[int], errors: np.ndarray, seed_errors: np.ndarray) -> list[tuple[int, float]]:
    """Return the median inversion error over images after each number of evaluations, from that of the seed images on.

    Parameters
    ----------
    evaluations : sequence of int
        Numbers of evaluations.
    errors : array of shape (images, evaluations)
        Best error of each image so far.
    seed_errors : array of shape (images,)
        Errors of the seed images.
    """
    steps = zip([0, *map(int, evaluations)], [_median(column) for column in (seed_errors, *errors.T)], strict=True)
    return [(step, median) for step, median in steps if median is not None]


@dataclass(frozen=True)
class PairScores:
    """Shared invariance of every image for one pair, layer and seed, and the classes that both models predict, if known."""

    reference_model: str
    target_model: str
    layer: str
    images_dataset: str
    random_seed: int
    scores: np.ndarray
    classes: Mapping[str, Sequence[str | None]]
    """Of ``reference_class``, ``reference_class_iri``, ``target_class``, ``target_class_iri``, those that are known, by name."""
    matches: Mapping[str, np.ndarray] = field(default_factory=dict)
    """Of the reference model's IRIs: ``inversion_error`` and ``converged``, where they are known."""


def count_of(n_pairs: int) -> int:
    """Return how many images to show of each end of a pair."""
    return int(np.clip(MOST_PICTURES // max(2 * n_pairs, 1), 1, MOST_OF_A_PAIR))


def ends_of(scores: np.ndarray, count: int) -> tuple[list[int], list[int]]:
    """Return the images with the highest and the lowest scores, each once; those without a score are neither."""
    order = [int(at) for at in np.argsort(-scores, kind="stable") if np.isfinite(scores[at])]
    most = order[: min(count, (len(order) + 1) // 2)]
    return most, order[::-1][: min(count, len(order) - len(most))]


def agreement_of(pair: PairScores, count: int, names: Sequence[str], indices: Sequence[int]) -> Agreement:
    """Choose the images of a pair; pictures are not in it yet.

    Parameters
    ----------
    pair : PairScores
        Of all images.
    count : int
        From `count_of`.
    names, indices : sequences
        Class and number in the test set of each image.
    """

    def image(at: int) -> AgreementImage:
        known: dict[str, Any] = {name: of[at] for name, of in pair.classes.items()}
        if "converged" in pair.matches:
            known |= {"error": number(pair.matches["inversion_error"][at]), "converged": bool(pair.matches["converged"][at])}
        return AgreementImage(int(indices[at]), names[at], round(float(pair.scores[at]), 4), **known)

    most, least = ([image(at) for at in end] for end in ends_of(pair.scores, count))
    median = number(np.nanmedian(pair.scores)) if np.isfinite(pair.scores).any() else None
    who = (pair.reference_model, pair.target_model, pair.layer, pair.images_dataset, pair.random_seed)
    return Agreement(*who, most, least, median)


def with_pictures(
    galleries: Sequence[Gallery], agreements: Sequence[Agreement], read: Callable[[Gallery, list[int]], Pixels], album: Album
) -> tuple[list[Gallery], list[Agreement]]:
    """Put pictures into galleries and agreements while there is room: first of every gallery one, then of each the next.

    Parameters
    ----------
    galleries, agreements : sequences
        Without pictures.
    read : callable
        Gallery, numbers of images in the test set -> their pixels, of those that there are.
    album : Album
        Where they are kept.
    """
    by_key = {_key(gallery): gallery for gallery in galleries}
    wanted = {key: [item.index for item in gallery.items] for key, gallery in by_key.items()}
    for agreement in agreements:
        if (pair := _key(agreement)) in wanted:
            wanted[pair] += [image.index for image in (*agreement.most, *agreement.least)]
    places = _placed_in(album, {key: list(dict.fromkeys(indices)) for key, indices in wanted.items()}, by_key, read)

    def filled(items: Sequence[Any], key: Key) -> list[Any]:
        return [replace(item, **places.get((key, item.index), {})) for item in items]

    return (
        [replace(gallery, items=filled(gallery.items, _key(gallery))) for gallery in galleries],
        [replace(each, most=filled(each.most, _key(each)), least=filled(each.least, _key(each))) for each in agreements],
    )


def _placed_in(
    album: Album, wanted: Mapping[Key, list[int]], galleries: Mapping[Key, Gallery], read: Callable[[Gallery, list[int]], Pixels]
) -> dict[tuple[Key, int], dict[str, str | None]]:
    """Add pictures to an album, and return the key and number of an image -> kind of picture -> where it is in the album."""
    first = {key: read(galleries[key], indices[:1]) for key, indices in wanted.items()}
    size = max((picture.size for of_key in first.values() for picture in of_key.values()), default=1)
    most = max(1, MOST_BYTES // (len(KINDS) * size * max(len(wanted), 1)))
    pixels = {key: read(galleries[key], indices[:most]) for key, indices in wanted.items()}
    places = {}
    for rank in range(min(most, max(map(len, wanted.values()), default=0))):
        for key, indices in wanted.items():
            if rank < len(indices):
                found = {kind: pixels[key].get((kind, indices[rank])) for kind in KINDS}
                places[key, indices[rank]] = {
                    kind: None if levels is None else album.add(levels) for kind, levels in found.items()
                }
    return places


def _key(of: Gallery | Agreement) -> Key:
    model = of.model if isinstance(of, Gallery) else of.reference_model
    return model, of.layer, of.images_dataset, of.random_seed
