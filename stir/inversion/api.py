"""Find identically represented inputs (IRIs): the whole inversion in one call."""

from dataclasses import replace
from typing import Any, cast

import torch
from jaxtyping import Int
from torch import Tensor, nn

from stir.checks import check_images, clamped
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

DEFAULTS = InversionSettings()


def invert(
    reference_model: nn.Module,
    reference_images: Images,
    *,
    layer: str | LayerSpec | None = None,
    select: Select = None,
    random_seed: int,
    settings: InversionSettings = DEFAULTS,
    labels: Int[Tensor, " n"] | None = None,
    progress: bool = False,
    snapshot: InversionSnapshot | None = None,
    **changes: Any,
) -> Inversion:
    """Find X' with m1(X') = m1(X): descend from seed images on ‖m1(X')−m1(X)‖₂ / ‖m1(X)‖₂.

    Parameters
    ----------
    reference_model : torch.nn.Module
        m1. It is left as found.
    reference_images : Float[Tensor, "n ..."] or StoredImages
        X, within the pixel bounds; `StoredImages` are read as they are needed.
    layer : str or LayerSpec, optional
        As in `stir.represent`; by default the penultimate layer of m1. A `LayerSpec` carries selector and pooling.
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
    """
    settings = changed_settings(settings, changes)
    spec = layer_spec(layer, select, settings.pooling)
    settings = replace(settings, pooling=spec.pooling)
    check_model(reference_model, "reference_model")
    check_images(reference_images, "reference_images", pixel_bounds=settings.pixel_bounds)
    images = clamped(reference_images, settings.pixel_bounds)
    seeds = make_seed_images(
        settings.seed_images, images, random_seed=random_seed, pixel_bounds=settings.pixel_bounds, labels=labels
    )

    def inverted() -> Work:
        few = images[:4]
        forwards = fast_forwards(reference_model, spec, few, settings)
        with representing(reference_model, spec, few[:2], wide=True) as represent_batch:
            references = References(represent_batch, images, settings.batch_size)
            task = Task(references, seeds, draw_partners(len(images), random_seed), settings)
            resumed = None
            if snapshot is None:
                work = Work(task, torch.empty(seeds.shape, dtype=images.dtype, device=images.device))
            else:
                work = Work(task, snapshot.pictures(seeds.shape, images.dtype))
                resumed = work.resume(snapshot)
            work.check(forwards["float32"])
            work.descend(METHODS[settings.method], forwards["float32"], forwards.get("bfloat16"), resumed, progress=progress)
        return work

    work = lend(reference_model, inverted)
    return work.result(seeds[:] if snapshot is None else cast("Tensor", seeds))
