"""Find identically represented inputs (IRIs): batching, convergence, and the proof of the match."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from stir.checks import PixelBounds, check_batch_size, check_images, check_pixel_bounds
from stir.errors import ConvergenceWarning, InvalidInputError, near_matches
from stir.inversion.descent import Descent, Rows, Stopping
from stir.inversion.layout import flat, pictures
from stir.inversion.lbfgs import LBFGS
from stir.inversion.match import NO_CLASS, POOL, Matches, draw_partners, match, median_pair_distance, predicted_classes
from stir.inversion.normalised_gradient import NormalisedGradient
from stir.inversion.problem import InversionProblem, check_targets, relative_errors
from stir.inversion.run import run
from stir.inversion.snapshot import Snapshot, State
from stir.inversion.working import working_forwards
from stir.progress import progress_bar
from stir.provenance import package_versions
from stir.representations import Representing, representing
from stir.seed_images import make_seed_images

DEFAULT_TOLERANCE = 0.05
METHODS: dict[str, Descent] = {"lbfgs": LBFGS(), "normalised_gradient": NormalisedGradient()}
DEFAULT_MAX_ITERATIONS = {"lbfgs": 500, "normalised_gradient": 1000}
ROUNDED_FLOOR = 0.07
"""bfloat16 stalls below; float32 takes over there."""
ROUNDED_PATIENCE = 10
FEW = 32
"""Images that the model is tried with before the work starts."""


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
    correlation: Float[Tensor, " n"]
    """Pearson correlation of m1(X') with m1(X)."""
    null_correlation: Float[Tensor, " n"]
    """Correlation of m1(X') with m1 of a random other reference image."""
    same_class: Bool[Tensor, " n"] | None
    """Whether m1 predicts the same class for X' and X; None if it predicts none."""
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
        Keeps the state on disk; the same call goes on from there after an interruption, to the same bits.

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
    stopping = _stopping(method, tolerance, max_iterations, last_relu)
    generator = torch.Generator().manual_seed(random_seed)
    seeds = make_seed_images(seed_images, reference_images, pixel_bounds=pixel_bounds, generator=generator, labels=labels)
    partners = draw_partners(len(reference_images), generator)
    few = reference_images[:4]
    forwards = working_forwards(reference_model, layer, few, pooling=pooling, precision=precision, last_relu=last_relu)
    with representing(reference_model, layer, few[:1], pooling=pooling) as represent_batch:
        work = _Work(represent_batch, reference_images, seeds, partners, stopping, pixel_bounds, batch_size)
        work.check(forwards["float32"])
        settings = {"method": method, "precision": precision, "last_relu": last_relu, "versions": package_versions()}
        resumed = None if snapshot is None else work.resume(snapshot, settings)
        for number, forward in enumerate(forwards.values()):
            if number >= work.passes:
                work.descend(METHODS[method], forward, resumed, last=number == len(forwards) - 1, progress=progress)
                resumed = None
    return work.result(method)


class _Work:
    """An inversion under way: what is known of every image."""

    def __init__(
        self,
        represent_batch: Representing,
        reference_images: Tensor,
        seeds: Tensor,
        partners: Tensor,
        stopping: Stopping,
        pixel_bounds: PixelBounds,
        batch_size: int,
    ) -> None:
        self.represent_batch, self.partners, self.stopping = represent_batch, partners, stopping
        self.reference_images, self.seeds = reference_images, seeds
        self.pixel_bounds, self.batch_size = pixel_bounds, batch_size
        self._look_at_references()
        self.images = seeds.clone()
        self.matches = Matches.unknown(len(seeds), self.targets)
        self.seed_error = torch.full((len(seeds),), torch.nan, dtype=self.targets.dtype)
        self.iterations = torch.zeros(len(seeds), dtype=torch.long)
        self.passes = 0
        self.keep: Callable[[Rows, Tensor], None] = lambda _rows, _waiting: None

    def resume(self, snapshot: Snapshot, settings: dict[str, Any]) -> State | None:
        """Keep snapshots from now on; take up the state of one that is there."""
        own = {"stopping": vars(self.stopping), "bounds": self.pixel_bounds, "batch_size": self.batch_size}
        known = settings | own | {"targets": self.targets, "seeds": self.seeds}

        def state(rows: Rows, waiting: Tensor) -> State:
            found = {"images": self.images, "matches": vars(self.matches), "seed_error": self.seed_error}
            under_way = {"rows": rows.tensors(), "waiting": waiting, "iterations": self.iterations, "passes": self.passes}
            return known | found | under_way

        self.keep = lambda rows, waiting: snapshot.offer(lambda: state(rows, waiting))
        found = snapshot.load(known)
        if found is not None:
            self.images, self.matches = found["images"].to(self.seeds), Matches(**found["matches"])
            self.seed_error, self.iterations, self.passes = found["seed_error"], found["iterations"], found["passes"]
        return found

    def check(self, forward: Callable[[Tensor], Tensor] | None) -> None:
        """Try the model with the first seed images."""
        first = self.seeds[:FEW].to(self.targets)
        InversionProblem(self.represent_batch).check_determinism(first)
        InversionProblem(forward or self.represent_batch).check_gradients(first, self.targets[:FEW])

    def _look_at_references(self) -> None:
        """Represent X, and refuse what cannot be matched, before the work starts."""
        targets: list[Tensor] = []
        classes: list[Tensor] = []
        for batch in self.reference_images.split(self.batch_size):
            representations, output = self.represent_batch.with_output(batch)
            check_targets(representations, first=sum(len(batch) for batch in targets))
            targets.append(representations)
            classes.append(predicted_classes(output, len(batch)).cpu())
        self.targets, self.classes = torch.cat(targets), torch.cat(classes)

    def descend(
        self,
        descent: Descent,
        forward: Callable[[Tensor], Tensor] | None,
        resumed: State | None,
        *,
        last: bool,
        progress: bool,
    ) -> None:
        """Descend for all images that have not converged; only the last pass is pursued to the tolerance."""
        device = self.targets.device
        unmatched = ~(self.matches.inversion_error <= self.stopping.tolerance) & (self.iterations < self._most(descent))
        todo = unmatched.nonzero().squeeze(1).to(device)
        rows, waiting = None, todo
        if resumed is not None:
            rows = descent.rows_type(**{name: value.to(device) for name, value in resumed["rows"].items()})
            waiting = resumed["waiting"].to(device)
        aim = self.stopping.tolerance if last else max(self.stopping.tolerance, ROUNDED_FLOOR)
        with progress_bar("inverting", len(todo), unit="image", show=progress) as bar:
            if len(todo):
                run(
                    InversionProblem(forward or self.represent_batch),
                    descent,
                    waiting,
                    shape=tuple(self.seeds.shape[1:]),
                    load=self._load,
                    settle=self._settle,
                    stopping=Stopping(aim, self.stopping.max_iterations),
                    pixel_bounds=self.pixel_bounds,
                    batch_size=self.batch_size,
                    patience=None if last else ROUNDED_PATIENCE,
                    resumed=rows,
                    report=self._reporting(bar, todo, aim, descent),
                )
        self.passes += 1

    def _most(self, descent: Descent) -> int:
        return self.stopping.max_iterations + descent.closing_evaluations

    def _load(self, index: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        rows = index.cpu()
        starts, targets = self.images[rows.to(self.images.device)].to(self.targets), self.targets[index]
        iterations = self.iterations[rows]
        if not iterations.any():
            with torch.no_grad():
                self.seed_error[rows] = relative_errors(self.represent_batch(starts), targets).cpu()
        return targets, flat(starts), iterations.to(index.device)

    def _settle(self, rows: Rows) -> None:
        """Keep the best pictures of rows that have ended, with the proof of their match."""
        index = rows.index.cpu()
        images = pictures(rows.best_images, tuple(self.seeds.shape[1:]))
        partners = self.targets[self.partners[index].to(self.targets.device)]
        self.matches.put(index, match(self.represent_batch, images, rows.targets, partners))
        self.images[index.to(self.images.device)] = images.to(self.images)
        self.iterations[index] = rows.iterations.cpu().clamp(max=self.stopping.max_iterations)

    def _reporting(self, bar: Any, waiting: Tensor, aim: float, descent: Descent) -> Callable[[Rows, Tensor], None]:
        def report(rows: Rows, still_waiting: Tensor) -> None:
            self.keep(rows, still_waiting)
            if bar.disable:
                return
            error = self.matches.inversion_error.clone()
            error[rows.index.cpu()] = rows.best_errors.cpu().to(error)
            error = error[waiting.cpu()]
            known = error[torch.isfinite(error)]
            text = f"{int((known <= aim).sum())} converged, median error {known.median():.3f}" if len(known) else ""
            bar.set_postfix_str(text, refresh=False)
            bar.update(max(0, round(self._done(rows, aim, descent, waiting)) - bar.n))

        return report

    def _done(self, rows: Rows, aim: float, descent: Descent, waiting: Tensor) -> float:
        """Estimate how many images' worth of work is done: an error falls by a like factor an iteration."""
        settled = int(torch.isfinite(self.matches.inversion_error[waiting.cpu()]).sum())
        done = rows.iterations / self._most(descent)
        if descent.ends_at_tolerance:
            start = self.seed_error[rows.index.cpu()].to(rows.errors)
            fell = (start / rows.best_errors).log() / (start / aim).log()
            done = torch.maximum(done.to(fell), torch.where(torch.isfinite(fell), fell, 0))
        return min(len(waiting), settled + float(done.clamp(0, 1).sum()))

    def result(self, method: str) -> Inversion:
        """Put together what was found, and warn of what did not converge."""
        error = self.matches.inversion_error
        converged = error <= self.stopping.tolerance
        _warn(error, converged, self.stopping.tolerance)
        known = (self.classes != NO_CLASS).all()
        norms = self.targets.norm(dim=1).cpu().to(error)
        return Inversion(
            iri_images=self.images,
            seed_images=self.seeds,
            seed_error=self.seed_error,
            inversion_error=error,
            pairwise_inversion_error=error * norms / median_pair_distance(self.targets[:POOL]),
            converged=converged,
            correlation=self.matches.correlation,
            null_correlation=self.matches.null_correlation,
            same_class=self.matches.predicted_class == self.classes if known else None,
            iterations=self.iterations,
            method=method,
            tolerance=self.stopping.tolerance,
        )


def _stopping(method: str, tolerance: float, max_iterations: int | None, last_relu: str) -> Stopping:
    if method not in METHODS:
        raise InvalidInputError(f"Unknown inversion method {method!r}. {near_matches(method, METHODS)}")
    if last_relu == "fake" and method != "normalised_gradient":
        raise InvalidInputError(f"Expected last_relu='true' for method {method!r}: a fake gradient has no curvature.")
    if not tolerance > 0:
        raise InvalidInputError(f"Expected tolerance > 0 (a relative error, such as 0.05); got {tolerance!r}.")
    most = DEFAULT_MAX_ITERATIONS[method] if max_iterations is None else max_iterations
    if most < 1:
        raise InvalidInputError(f"Expected max_iterations >= 1; got {most}.")
    return Stopping(tolerance, most)


def _warn(error: Tensor, converged: Tensor, tolerance: float) -> None:
    missed = int((~converged).sum())
    if missed:
        warnings.warn(
            f"{missed} of {len(error)} images did not reach inversion error {tolerance:g} "
            f"(median {error.median():.3g}, largest {error.max():.3g}). They are marked in `converged`: "
            "leave them out, raise max_iterations, or loosen tolerance.",
            ConvergenceWarning,
            stacklevel=4,
        )
