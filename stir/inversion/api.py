"""Find identically represented inputs (IRIs): the whole inversion in one call."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Any, TypeAlias, cast

import torch
from jaxtyping import Int
from torch import Tensor, nn

from stir.checks import check_images, clamped
from stir.errors import InvalidInputError
from stir.inversion.ensemble import Ensemble, forwards_together, naming_member, what_is_inverted
from stir.inversion.fast_forward import fast_forwards
from stir.inversion.references import References
from stir.inversion.registry import METHODS
from stir.inversion.result import Inversion, draw_partners
from stir.inversion.settings import InversionSettings, changed_settings
from stir.inversion.snapshot import InversionSnapshot
from stir.inversion.state import Task, Work
from stir.layers import LayerSpec, Select, layer_spec
from stir.models.frozen import lend
from stir.models.usable import check_model
from stir.representations import representing
from stir.seed_images import make_seed_images
from stir.stored_images import Images

AnyLayer: TypeAlias = str | LayerSpec | None
DEFAULTS = InversionSettings()


def invert(
    reference_model: nn.Module | Sequence[nn.Module],
    reference_images: Images,
    *,
    layer: AnyLayer | Sequence[AnyLayer] = None,
    select: Select = None,
    random_seed: int,
    settings: InversionSettings = DEFAULTS,
    labels: Int[Tensor, " n"] | None = None,
    progress: bool = False,
    snapshot: InversionSnapshot | None = None,
    **changes: Any,
) -> Inversion:
    """Find X' with m1(X') = m1(X): descend from seed images on ‖m1(X')−m1(X)‖₂ / ‖m1(X)‖₂.

    With several models, X' is what all of them represent as they represent X: the error of an image is the largest of the
    models' errors, and convergence is judged by it. Descents minimise the sum of the squared errors.

    Parameters
    ----------
    reference_model : torch.nn.Module or sequence of torch.nn.Module
        m1, or an ensemble. It is left as found.
    reference_images : Float[Tensor, "n ..."] or StoredImages
        X, within the pixel bounds; `StoredImages` are read as they are needed.
    layer : str, LayerSpec or sequence of them, optional
        As in `stir.represent`; by default the penultimate layer of m1. A `LayerSpec` carries selector and pooling. A sequence
        has a layer for each model of an ensemble.
    select : str or int, optional
        As in `stir.represent`.
    random_seed : int
        Seed of the seed images; the same number gives the same IRIs on one kind of device.
    settings : InversionSettings
        Method, tolerance, kind of seed image and so on.
    labels : Int[Tensor, "n"], optional
        Classes of the images, for seed images ``"other_class_image"``.
    progress : bool
        Show images done, median error and time left.
    snapshot : InversionSnapshot, optional
        Keeps state and pictures on disk: the same call goes on from there after an interruption, to the same
        bits, and memory is bounded by the batch.
    **changes
        Fields of `InversionSettings`, such as ``tolerance=0.1``, in place of those of ``settings``.

    Returns
    -------
    Inversion
        IRIs with per-image errors. Images that did not converge are among them,
        marked so. With a snapshot, pictures are read from its files by slices, until it is discarded.

    Warns
    -----
    ConvergenceWarning
        If some images did not converge.
    StallWarning
        If most images are likely to miss the tolerance, while there are evaluations left; the inversion goes on.
    MatchWarning
        If X' is no nearer to X than other images are: the median correlation is at or below the 99th percentile of
        the null, or half of the seed images were within the tolerance to begin with.

    Raises
    ------
    InvalidInputError
        If an argument or a setting cannot be used.
    InversionError
        If the representation has norm 0, is not finite, or has no gradient.

    References
    ----------
    Nanda et al., "Measuring Representational Robustness of Neural Networks Through
    Shared Invariances", ICML 2022, arXiv:2206.11939, section 3.

    Examples
    --------
    >>> import torch, stir
    >>> from sklearn.datasets import load_digits
    >>> from stir.models import Architecture, build_model
    >>> images = torch.tensor(load_digits().images[:8, None] / 16).float()
    >>> model = build_model(Architecture("resnet8", 8, 1, 10)).eval()
    >>> inversion = stir.invert(model, images, random_seed=0, tolerance=0.1)
    >>> inversion.iri_images.shape
    torch.Size([8, 1, 8, 8])
    >>> bool((inversion.inversion_error <= 0.1).all())
    True
    """
    settings = changed_settings(settings, changes)
    models = _models(reference_model)
    specs = [layer_spec(each, select, settings.pooling) for each in _layers(layer, len(models))]
    settings = replace(settings, pooling=specs[0].pooling)
    check_images(reference_images, "reference_images", pixel_bounds=settings.pixel_bounds)
    images = clamped(reference_images, settings.pixel_bounds)
    seeds = make_seed_images(
        settings.seed_images, images, random_seed=random_seed, pixel_bounds=settings.pixel_bounds, labels=labels
    )

    def inverted() -> Work:
        few = images[:4]
        with ExitStack() as stack:
            forwards, members = [], []
            for number, (model, spec) in enumerate(zip(models, specs, strict=True)):
                with naming_member(number, len(models)):
                    own = replace(settings, pooling=spec.pooling, batch_size=min(settings.batch_size, len(images)))
                    forwards.append(fast_forwards(model, spec, few, own))
                    members.append(stack.enter_context(representing(model, spec, few[:2], wide=True)))
            what = what_is_inverted(models, [member.layer for member in members])
            references = References(Ensemble(members), images, settings.batch_size)
            task = Task(references, seeds, draw_partners(len(images), random_seed), settings, what)
            together = forwards_together(forwards, members)
            resumed = None
            if snapshot is None:
                work = Work(task, torch.empty(seeds.shape, dtype=images.dtype, device=images.device), together)
            else:
                work = Work(task, snapshot.pictures(seeds.shape, images.dtype), together)
                resumed = work.resume(snapshot)
            work.check()
            work.descend(METHODS[settings.method], resumed, progress=progress)
        return work

    # All at once: two threads that take the same models one by one, in another order, would wait for each other.
    work = lend(nn.ModuleList(models), inverted)
    return work.result(seeds[:] if snapshot is None else cast("Tensor", seeds))


def _models(reference_model: nn.Module | Sequence[nn.Module]) -> list[nn.Module]:
    if not isinstance(reference_model, list | tuple):
        check_model(cast("nn.Module", reference_model), "reference_model")
        return [cast("nn.Module", reference_model)]
    if not reference_model:
        raise InvalidInputError("Expected a reference_model, or several; got an empty sequence. Pass the models of the ensemble.")
    for number, model in enumerate(reference_model):
        check_model(model, f"reference_model[{number}]")
    return list(reference_model)


def _layers(layer: AnyLayer | Sequence[AnyLayer], n_models: int) -> list[AnyLayer]:
    if not isinstance(layer, list | tuple):
        return [cast("AnyLayer", layer)] * n_models
    if len(layer) != n_models:
        raise InvalidInputError(
            f"Expected one layer for all models or one for each of {n_models}; got {len(layer)}. Name them in the order of "
            "reference_model."
        )
    return list(layer)
