"""Find identically represented inputs (IRIs): batching, convergence, and the proof of the match."""

import warnings
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from stir.checks import PixelBounds, check_batch_size, check_images, check_pixel_bounds
from stir.errors import ConvergenceWarning, InvalidInputError, near_matches
from stir.inversion.descent import Descended, Descent, Stopping
from stir.inversion.lbfgs import lbfgs
from stir.inversion.normalised_gradient import normalised_gradient
from stir.inversion.problem import InversionProblem, median_pair_distance
from stir.progress import progress_bar
from stir.representations import representing
from stir.seed_images import make_seed_images

DEFAULT_TOLERANCE = 0.05
METHODS: dict[str, Descent] = {"lbfgs": lbfgs, "normalised_gradient": normalised_gradient}
DEFAULT_MAX_ITERATIONS = {"lbfgs": 500, "normalised_gradient": 1000}


@dataclass(frozen=True)
class Inversion:
    """IRIs and how well each matches; row i belongs to reference image i."""

    iri_images: Float[Tensor, "n ..."]
    """X', the best iterates."""
    seed_images: Float[Tensor, "n ..."]
    """Where the descents began."""
    seed_error: Float[Tensor, " n"]
    """Inversion error of the seed images."""
    inversion_error: Float[Tensor, " n"]
    """‖m1(X')−m1(X)‖₂ / ‖m1(X)‖₂, from a forward pass over the returned images."""
    pairwise_inversion_error: Float[Tensor, " n"]
    """‖m1(X')−m1(X)‖₂ over the median distance between representations of image pairs."""
    converged: Bool[Tensor, " n"]
    """Whether ``inversion_error`` is at or under the tolerance."""
    iterations: Int[Tensor, " n"]
    """Forward and backward passes made for each image."""
    method: str
    """Name of the descent."""
    tolerance: float
    """What convergence was judged by."""


def invert(
    reference_model: nn.Module,
    reference_images: Float[Tensor, "n ..."],
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
    progress: bool = False,
) -> Inversion:
    """Find X' with m1(X') = m1(X): descend from seed images on ‖m1(X')−m1(X)‖₂ / ‖m1(X)‖₂.

    Parameters
    ----------
    reference_model : torch.nn.Module
        m1. It is left as found.
    reference_images : Float[Tensor, "n ..."]
        X, within ``pixel_bounds``.
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
        Kind of starting picture: ``"normal_noise"`` (published) or ``"uniform_noise"``.
    max_iterations : int, optional
        Forward and backward passes an image; by default 500 for ``lbfgs``, 1,000 for
        ``normalised_gradient``, which makes them all.
    pooling : str
        As in `stir.represent`.
    batch_size : int
        Images descended at once.
    progress : bool
        Show images done, median error and time left.

    Returns
    -------
    Inversion
        IRIs with per-image errors. Images that did not converge are among them,
        marked so.

    Warns
    -----
    ConvergenceWarning
        If some images did not converge.

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
    pixel_bounds = check_pixel_bounds(pixel_bounds)
    check_images(reference_images, "reference_images", pixel_bounds=pixel_bounds)
    check_batch_size(batch_size)
    stopping = _stopping(method, tolerance, max_iterations)
    generator = torch.Generator().manual_seed(random_seed)
    seeds = make_seed_images(seed_images, reference_images, pixel_bounds=pixel_bounds, generator=generator)
    with representing(reference_model, layer, reference_images[:1], pooling=pooling) as represent_batch:
        with torch.no_grad():
            targets = torch.cat([represent_batch(batch) for batch in reference_images.split(batch_size)])
        problem = InversionProblem(represent_batch, targets)
        ended = _descend(problem, seeds, METHODS[method], stopping, pixel_bounds, batch_size, progress)
        images = ended.images.view_as(reference_images)
        seed_error = _verified(problem, seeds, batch_size)
        error = _verified(problem, images, batch_size)
    converged = error <= tolerance
    _warn(error, converged, tolerance)
    return Inversion(
        iri_images=images,
        seed_images=seeds,
        seed_error=seed_error,
        inversion_error=error,
        pairwise_inversion_error=error * problem.norms.to(error) / median_pair_distance(targets),
        converged=converged,
        iterations=ended.iterations,
        method=method,
        tolerance=tolerance,
    )


def _stopping(method: str, tolerance: float, max_iterations: int | None) -> Stopping:
    if method not in METHODS:
        raise InvalidInputError(f"Unknown inversion method {method!r}. {near_matches(method, METHODS)}")
    if not tolerance > 0:
        raise InvalidInputError(f"Expected tolerance > 0 (a relative error, such as 0.05); got {tolerance!r}.")
    most = DEFAULT_MAX_ITERATIONS[method] if max_iterations is None else max_iterations
    if most < 1:
        raise InvalidInputError(f"Expected max_iterations >= 1; got {most}.")
    return Stopping(tolerance, most)


def _descend(
    problem: InversionProblem,
    seeds: Tensor,
    descent: Descent,
    stopping: Stopping,
    pixel_bounds: PixelBounds,
    batch_size: int,
    progress: bool,
) -> Descended:
    """Run the descent batch by batch, and put the parts together."""
    first = torch.arange(min(batch_size, len(seeds)), device=problem.targets.device)
    problem.check_gradients(seeds[: len(first)].to(problem.targets), first)
    parts = []
    with progress_bar("inverting", len(seeds), unit="image", show=progress) as bar:
        for index in torch.arange(len(seeds), device=problem.targets.device).split(batch_size):
            before = bar.n

            def report(finished: int, errors: Tensor, before: int = before) -> None:
                bar.set_postfix_str(f"median error {errors.median():.3f}", refresh=False)
                bar.update(before + finished - bar.n)

            batch = seeds[index.to(seeds.device)].to(problem.targets)
            part = descent(problem, batch, index, stopping=stopping, pixel_bounds=pixel_bounds, report=report)
            bar.update(before + len(index) - bar.n)
            parts.append(part)
    return Descended(
        *(torch.cat([getattr(part, name) for part in parts]).to(seeds.device) for name in ("images", "errors", "iterations"))
    )


def _verified(problem: InversionProblem, images: Tensor, batch_size: int) -> Tensor:
    """Measure the errors of given images anew, whatever the descent believed."""
    index = torch.arange(len(images), device=problem.targets.device)
    parts = [problem.errors(images[rows.to(images.device)], rows) for rows in index.split(batch_size)]
    return torch.cat(parts).to(images.device)


def _warn(error: Tensor, converged: Tensor, tolerance: float) -> None:
    missed = int((~converged).sum())
    if missed:
        warnings.warn(
            f"{missed} of {len(error)} images did not reach inversion error {tolerance:g} "
            f"(median {error.median():.3g}, largest {error.max():.3g}). They are marked in `converged`: "
            "leave them out, raise max_iterations, or loosen tolerance.",
            ConvergenceWarning,
            stacklevel=3,
        )
