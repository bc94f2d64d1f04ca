"""Rows of pictures of results: reference images, seed images and IRIs."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from stir.errors import InvalidInputError
from stir.names import shortened
from stir.plotting.pictures import ImageRow
from stir.plotting.selecting import display_names

IRIS = "IRIs"


def rows_of(
    result: Any,
    reference_images: Any = None,
    *,
    n: int,
    models: Sequence[str] | None = None,
    names: Mapping[str, str] | None = None,
) -> tuple[list[ImageRow], str]:
    """Return rows of the first n pictures of a result, and a title.

    Parameters
    ----------
    result : Inversion, SharedInvariance or SharedInvarianceMatrix
        Whose pictures.
    reference_images : Float[Tensor, "n c h w"], optional
        X.
    n : int
        How many.
    models, names
        As in `stir.plotting.show_iris`.

    Raises
    ------
    InvalidInputError
        If there are no such pictures.
    """
    if isinstance(n, bool) or not isinstance(n, int) or n < 1:
        raise InvalidInputError(f"Expected n as a number of images; got {shortened(n)}. Pass 8, for example.")
    found, title = _inversions(result, models, names)
    first = next(iter(found.values()))
    rows = [] if reference_images is None else [ImageRow("reference images", pixels(reference_images[:n]))]
    rows.append(ImageRow("seed images", pixels(first.seed_images[:n])))
    for label, inversion in found.items():
        errors, converged = (values[:n].cpu().numpy() for values in (inversion.inversion_error, inversion.converged))
        rows.append(ImageRow(label, pixels(inversion.iri_images[:n]), errors, converged))
    counts = {len(row.images) for row in rows}
    if len(counts) > 1:
        raise InvalidInputError(
            f"Expected as many reference images as were inverted; got {sorted(counts)}. Pass those of the result."
        )
    return rows, title


def _inversions(result: Any, models: Sequence[str] | None, names: Mapping[str, str] | None) -> tuple[dict[str, Any], str]:
    """Return what figures call every inversion of a result -> the inversion, and a title."""
    if not hasattr(result, "inversions"):
        inversion = getattr(result, "inversion", result)
        if not hasattr(inversion, "iri_images") or models or names:
            raise InvalidInputError(
                "Expected an Inversion, SharedInvariance or SharedInvarianceMatrix, and models and names with a matrix only; got "
                f"{type(result).__name__}. Pass what stir.invert or stir.load returns."
            )
        return {IRIS: inversion}, ""
    last = {model: (layer, inversion) for (model, layer), inversion in result.inversions.items()}
    if not last:
        raise InvalidInputError(
            "Expected scores with their inversions; these have none, as those of the workflow. Load a file of results/iris."
        )
    called = display_names(names or {}, list(last), "the matrix")
    if unknown := [model for model in models or () if model not in last]:
        raise InvalidInputError(f"Unknown model {shortened(unknown[0])}. Choose from {', '.join(last)}.")
    chosen = list(last) if models is None else list(models)
    layers = dict.fromkeys(last[model][0] for model in chosen)
    return {f"{IRIS} of {called[model]}": last[model][1] for model in chosen}, f"layer {'|'.join(layers)}"


def pixels(images: Any) -> np.ndarray:
    """Return pictures as figures draw them.

    Raises
    ------
    InvalidInputError
        If they are no images of 1 or 3 channels.
    """
    array = images if isinstance(images, np.ndarray) else images.detach().cpu().float().numpy()
    if array.ndim != 4 or array.shape[1] not in (1, 3) or not len(array):
        raise InvalidInputError(f"Expected images of shape (n, 1 or 3, height, width); got {tuple(array.shape)}. Reshape them.")
    return array.clip(0, 1)
