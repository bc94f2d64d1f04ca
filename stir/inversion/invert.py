"""Find identically represented inputs (IRIs): the whole inversion in one call."""

from typing import cast

import torch
from jaxtyping import Int
from torch import Tensor, nn

from stir.checks import (
    PixelBounds,
    check_batch_size,
    check_count,
    check_images,
    check_number,
    check_pixel_bounds,
    clamped,
)
from stir.errors import InvalidInputError, check_known
from stir.inversion.descent import Descent, Stopping
from stir.inversion.lbfgs import LBFGS
from stir.inversion.match import draw_partners
from stir.inversion.normalised_gradient import NormalisedGradient
from stir.inversion.outcome import Inversion
from stir.inversion.references import References
from stir.inversion.snapshot import Snapshot
from stir.inversion.work import Task, Work
from stir.inversion.working import working_forwards
from stir.models.frozen import lend
from stir.models.usable import check_model
from stir.representations import representing
from stir.seed_images import make_seed_images
from stir.stored_images import Images

DEFAULT_TOLERANCE = 0.05
METHODS: dict[str, Descent] = {"lbfgs": LBFGS(), "normalised_gradient": NormalisedGradient()}
DEFAULT_MAX_ITERATIONS = {"lbfgs": 500, "normalised_gradient": 1000}


def invert(
    reference_model: nn.Module,
    reference_images: Images,
    *,
    layer: str | None = None,
    random_seed: int,
    tolerance: float = DEFAULT_TOLERANCE,
    method: str = "lbfgs",
    pixel_bounds: PixelBounds = (0.0, 1.0),
    seed_images: str = "normal_noise",
    max_iterations: int | None = None,
    pooling: str = "flatten",
    batch_size: int = 256,
    precision: str = "float32",
    last_relu: str = "true",
    labels: Int[Tensor, " n"] | None = None,
    progress: bool = False,
    snapshot: Snapshot | None = None,
) -> Inversion:
    """Find X' with m1(X') = m1(X): descend from seed images on ‖m1(X')−m1(X)‖₂ / ‖m1(X)‖₂.

    Parameters
    ----------
    reference_model : torch.nn.Module
        m1. It is left as found.
    reference_images : Float[Tensor, "n ..."] or StoredImages
        X, within ``pixel_bounds``; `StoredImages` are read as they are needed.
    layer : str, optional
        Dotted name of a module of m1; by default the input of its last linear layer.
    random_seed : int
        Of the seed images; the same number gives the same IRIs on one kind of device.
    tolerance : float
        Relative error at or under which an image has converged.
    method : str
        ``"lbfgs"``, or ``"normalised_gradient"``, the published one.
    pixel_bounds : (float, float) or None
        Range of the pixels; None lifts it.
    seed_images : str
        Kind of starting picture: ``"normal_noise"`` (published), ``"uniform_noise"``, ``"shared_noise"``,
        ``"white"``, ``"black"``, ``"other_image"`` or ``"other_class_image"``.
    max_iterations : int, optional
        Forward and backward passes an image; by default 500 for ``lbfgs``, 1,000 for
        ``normalised_gradient``, which makes them all.
    pooling : str
        As in `stir.represent`.
    batch_size : int
        Images descended at once; ended ones make room for waiting ones.
    precision : str
        ``"float32"`` (the model's own type), or ``"bfloat16"`` as long as that helps; errors are
        verified by the model as given either way.
    last_relu : str
        ``"true"``, or ``"fake"`` (published): gradients pass the last ReLU before the layer as if it
        were the identity. For ``normalised_gradient``.
    labels : Int[Tensor, "n"], optional
        Classes of the images, for seed images ``"other_class_image"``.
    progress : bool
        Show images done, median error and time left.
    snapshot : Snapshot, optional
        Keeps state and pictures on disk: the same call goes on from there after an interruption, to the same
        bits, and memory is bounded by the batch.

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
        If an argument cannot be used.
    InversionError
        If the representation has norm 0, is not finite, or has no gradient.

    References
    ----------
    Nanda et al., "Measuring Representational Robustness of Neural Networks Through
    Shared Invariances", ICML 2022, arXiv:2206.11939, section 3.
    """
    check_model(reference_model, "reference_model")
    pixel_bounds = check_pixel_bounds(pixel_bounds)
    check_images(reference_images, "reference_images", pixel_bounds=pixel_bounds)
    check_batch_size(batch_size)
    images = clamped(reference_images, pixel_bounds)
    stopping = _stopping(method, tolerance, max_iterations, last_relu)
    seeds = make_seed_images(seed_images, images, random_seed=random_seed, pixel_bounds=pixel_bounds, labels=labels)

    def inverted() -> Work:
        few = images[:4]
        forwards = working_forwards(reference_model, layer, few, pooling=pooling, precision=precision, last_relu=last_relu)
        with representing(reference_model, layer, few[:2], pooling=pooling, wide=True) as represent_batch:
            references = References(represent_batch, images, batch_size)
            partners = draw_partners(len(images), random_seed)
            task = Task(references, seeds, partners, stopping, pixel_bounds, batch_size)
            resumed = None
            if snapshot is None:
                work = Work(task, torch.empty(seeds.shape, dtype=images.dtype, device=images.device))
            else:
                work = Work(task, snapshot.pictures(seeds.shape, images.dtype))
                resumed = work.resume(snapshot, {"method": method, "precision": precision, "last_relu": last_relu})
            work.check(forwards["float32"])
            work.descend(METHODS[method], forwards["float32"], forwards.get("bfloat16"), resumed, progress=progress)
        return work

    work = lend(reference_model, inverted)
    return work.result(method, seeds[:] if snapshot is None else cast("Tensor", seeds))


def _stopping(method: str, tolerance: float, max_iterations: int | None, last_relu: str) -> Stopping:
    check_known("inversion method", method, METHODS)
    if last_relu == "fake" and method != "normalised_gradient":
        raise InvalidInputError(f"Expected last_relu='true' for method {method!r}: a fake gradient has no curvature.")
    check_number("tolerance", tolerance, over=0, example="a relative error, such as 0.05")
    most = DEFAULT_MAX_ITERATIONS[method] if max_iterations is None else max_iterations
    check_count("max_iterations", most, "the number of forward and backward passes for each image")
    return Stopping(float(tolerance), int(most))
