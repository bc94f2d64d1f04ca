"""The state of an inversion: results so far for every image, saved to and resumed from snapshots."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from operator import truediv
from typing import Any, cast

import torch
from jaxtyping import Int
from torch import Tensor

from stir.inversion.batched import Rounded, flat, pictures, run
from stir.inversion.curve import ErrorCurve
from stir.inversion.descent import Descent, Rows
from stir.inversion.ensemble import Together, of_each
from stir.inversion.fast_forward import Forward, Forwards
from stir.inversion.problem import InversionProblem, blocks, relative_errors
from stir.inversion.references import References
from stir.inversion.result import (
    Inversion,
    Matches,
    match,
    median_pair_distance,
    warn_of_likeness,
    warn_of_no_match,
    warn_of_precision,
    warn_of_unconverged,
)
from stir.inversion.settings import InversionSettings
from stir.inversion.snapshot import InversionSnapshot
from stir.inversion.stalling import StallWatch
from stir.models.outputs import NO_CLASS
from stir.poolings import pooling_name
from stir.progress import progress_bar
from stir.representations import check_alike
from stir.seed_images import SeedImages
from stir.snapshots import State, made_by
from stir.stored_images import Images

ROUNDED_FLOOR = 0.07
"""bfloat16 stalls below; float32 takes over there."""
ROUNDED_PATIENCE = 8
"""Evaluations without progress after which float32 takes over, in a descent that ends at the tolerance."""
FEW = 32
"""Images that the model is tried with before the work starts."""


@dataclass(frozen=True)
class Task:
    """The images to invert, and the settings."""

    references: References
    seeds: SeedImages
    partners: Int[Tensor, " n"]
    """Numbers of the images that the null correlation is taken with."""
    settings: InversionSettings
    what: str
    """Models and layers, for messages."""

    def identity(self) -> dict[str, Any]:
        """Return everything that a snapshot must agree with."""
        how = asdict(self.settings) | {"max_iterations": self.settings.stopping.max_iterations}
        how["pooling"] = pooling_name(self.settings.pooling)
        seeds = {"random_seed": self.seeds.random_seed, "labels": self.seeds.labels}
        return {"settings": how, "targets": self.references.digest, "partners": self.partners} | seeds


class Work:
    """An inversion under way: the results so far for every image."""

    def __init__(self, task: Task, images: Images, forwards: Forwards) -> None:
        self.task, self.images, self.forwards = task, images, forwards
        self.represent_batch, self.stopping = task.references.represent_batch, task.settings.stopping
        self.shape = tuple(task.seeds.shape[1:])
        n, like = len(task.references), task.references.pool
        self.matches = Matches.unknown(n, len(task.references.widths), like)
        self.seed_error = torch.full((n,), torch.nan, dtype=like.dtype, device="cpu")
        self.iterations = torch.zeros(n, dtype=torch.long, device="cpu")
        self.curve = ErrorCurve(n, self.stopping.max_iterations, like)
        self.watch = StallWatch(self.curve, self.stopping, f"{task.what}, {task.settings.method}")
        self.keep: Callable[[Rows, Tensor], None] = lambda _rows, _waiting: None

    def resume(self, snapshot: InversionSnapshot) -> State | None:
        """Keep snapshots from now on; take up the state of one that is there."""
        known = made_by() | self.task.identity()

        def state(rows: Rows, waiting: Tensor) -> State:
            done = {"matches": vars(self.matches), "seed_error": self.seed_error, "iterations": self.iterations}
            done["curve"] = self.curve.errors
            return known | done | {"rows": rows.tensors(), "waiting": waiting, "precision": self.forwards.precision}

        self.keep = lambda rows, waiting: snapshot.offer(lambda: state(rows, waiting))
        saved = snapshot.load(known)
        if saved is not None:
            self.matches, self.seed_error, self.iterations = Matches(**saved["matches"]), saved["seed_error"], saved["iterations"]
            self.curve.errors.copy_(saved["curve"])
            self.forwards = self.forwards.beginning_in(saved["precision"])
        return saved

    def check(self) -> None:
        """Try the model with the first seed images; go on with the model as given where the fast forward pass fails."""
        # At least three, so that an image is seen beside others.
        targets = self.task.references.pool[: min(FEW, max(3, self.task.settings.batch_size))]
        first = self.task.seeds[: len(targets)].to(targets)
        of_each(lambda member: check_alike(member, first), self.represent_batch.members)
        if self.forwards.exact is not None and not self.task.settings.fake_last_relu:
            try:
                return self._check_gradients(first, targets)
            except Exception as error:  # the model as given tells whether it is the fast forward pass that is at fault
                self.forwards = self.forwards.without(error)
        return self._check_gradients(first, targets)

    def _check_gradients(self, first: Tensor, targets: Tensor) -> None:
        """Refuse a model without gradients, also beside others that have some."""
        forward = self.forwards.exact or self.represent_batch
        members = forward.members if isinstance(forward, Together) else [forward]
        of_each(
            lambda member, own: InversionProblem(member).check_gradients(first, own),
            members,
            blocks(targets, self.task.references.widths),
        )

    def _problem(self, forward: Forward) -> InversionProblem:
        return InversionProblem(forward, self.task.references.widths, self.stopping.tolerance)

    def descend(self, descent: Descent, resumed: State | None, *, progress: bool) -> None:
        """Descend for all images: begin with the rounded forward pass, where there is one, and end with the exact one."""
        rounded = self.forwards.first
        device = self.task.references.pool.device
        rows, waiting = None, torch.arange(len(self.task.references), device=device)
        if resumed is not None:
            rows = descent.rows_type(**{name: value.to(device) for name, value in resumed["rows"].items()})
            waiting = resumed["waiting"].to(device)
        what = "inverting" if resumed is None else "inverting, from a snapshot"
        with progress_bar(what, len(self.task.references), unit="image", show=progress) as bar:
            run(
                self._problem(self.forwards.exact or self.represent_batch),
                descent,
                waiting,
                shape=self.shape,
                load=self._load,
                settle=self._settle,
                stopping=self.stopping,
                pixel_bounds=self.task.settings.pixel_bounds,
                batch_size=self.task.settings.batch_size,
                rounded=None if rounded is None else Rounded(self._problem(rounded), ROUNDED_FLOOR, ROUNDED_PATIENCE),
                resumed=rows,
                report=self._reporting(bar, descent),
            )

    def _load(self, index: Tensor) -> tuple[Tensor, Tensor]:
        targets = self.task.references.targets(index.cpu())
        starts = self.task.seeds[index].to(targets)
        with torch.no_grad():
            errors = relative_errors(self.represent_batch(starts), targets, self.task.references.widths)
            self.seed_error[index.cpu()] = errors.cpu()
        return targets, flat(starts)

    def _settle(self, rows: Rows) -> None:
        """Keep the best pictures of rows that have ended, with the proof of their match."""
        index = rows.index.cpu()
        # Rounded first, where the images given are of half precision, so that the errors are those of what is returned.
        images = pictures(rows.best_images, self.shape)
        images = images.to(self.images.dtype) if self.images.dtype.itemsize < 4 else images
        partners = self.task.references.targets(self.task.partners[index])
        matches = match(self.represent_batch, images, rows.targets, partners)
        self.matches.put(index, matches)
        self.images[index.to(self.images.device)] = images.to(device=self.images.device, dtype=self.images.dtype)
        self.iterations[index] = rows.iterations.cpu().clamp(max=self.stopping.max_iterations)
        self.curve.settle(index, self.iterations[index], matches.inversion_error)

    def _reporting(self, bar: Any, descent: Descent) -> Callable[[Rows, Tensor], None]:
        def report(rows: Rows, waiting: Tensor) -> None:
            self.curve.record(rows)
            self.keep(rows, waiting)
            self.watch.look(rows, lambda: self.matches.inversion_error, rounding_ends=descent.ends_at_tolerance)
            if bar.disable:
                return
            error = self.matches.inversion_error
            error[rows.index.cpu()] = rows.best_errors.cpu().to(error)
            known = error[torch.isfinite(error)]
            converged = int((known <= self.stopping.tolerance).sum())
            evaluations = f"{int(rows.iterations.median()):,} of at most {self.stopping.max_iterations:,} evaluations"
            text = f"{converged} converged, median error {known.median():.3f}, {evaluations}" if len(known) else ""
            bar.set_postfix_str(text, refresh=False)
            bar.update(max(0, round(self._done(rows, descent)) - bar.n))

        return report

    def _done(self, rows: Rows, descent: Descent) -> float:
        """Estimate how many images' worth of work is done: an error falls by a like factor an iteration."""
        settled = int(torch.isfinite(self.matches.inversion_error).sum())
        done = rows.iterations / (self.stopping.max_iterations + descent.closing_evaluations)
        if descent.ends_at_tolerance:
            start = self.seed_error[rows.index.cpu()].to(rows.errors)
            fell = (start / rows.best_errors).log() / (start / self.stopping.tolerance).log()
            done = torch.maximum(done.to(fell), torch.where(torch.isfinite(fell), fell, 0))
        return min(len(self.task.references), settled + float(done.clamp(0, 1).sum()))

    def result(self, seed_images: Tensor) -> Inversion:
        """Put together what was found, and warn of what did not converge or match."""
        references, error = self.task.references, self.matches.inversion_error
        converged = error <= self.stopping.tolerance
        warn_of_unconverged(error, converged, self.stopping.tolerance)
        warn_of_no_match(self.matches, self.seed_error, self.stopping.tolerance)
        distances = [median_pair_distance(pool) for pool in blocks(references.pool, references.widths)]
        norms = [norms.double().median().item() for norms in references.norms.T]
        warn_of_likeness(min(map(truediv, distances, norms)), self.stopping.tolerance)
        warn_of_precision(self.task.settings.precision, self.forwards)
        each = zip(self.matches.inversion_errors.T, references.norms.cpu().T, distances, strict=True)
        pairwise = torch.stack([own * norm / distance for own, norm, distance in each]).amax(dim=0)
        known = (references.classes != NO_CLASS).all()
        here = references.images.device
        curve_evaluations, error_curve = self.curve.result(self.iterations)
        return Inversion(
            iri_images=cast("Tensor", self.images),
            seed_images=seed_images,
            seed_error=self.seed_error.to(here),
            inversion_error=error.to(here),
            pairwise_inversion_error=pairwise.to(here),
            converged=converged.to(here),
            correlation=self.matches.correlation.to(here),
            null_correlation=self.matches.null_correlation.to(here),
            same_class=(self.matches.predicted_class == references.classes).all(dim=1).to(here) if known else None,
            iterations=self.iterations.to(here),
            method=self.task.settings.method,
            tolerance=self.stopping.tolerance,
            precision_used=self.forwards.precision,
            forward_pass=self.forwards.note,
            error_curve=error_curve.to(here),
            curve_evaluations=curve_evaluations,
        )
