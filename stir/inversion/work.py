"""An inversion under way: what is known of every image, and what is to be done for it."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from stir.checks import PixelBounds
from stir.inversion.descent import Descent, Rows, Stopping
from stir.inversion.layout import flat, pictures
from stir.inversion.match import NO_CLASS, POOL, Matches, match, median_pair_distance, predicted_classes
from stir.inversion.outcome import Inversion, warn_of_unconverged
from stir.inversion.problem import InversionProblem, check_targets, relative_errors
from stir.inversion.run import run
from stir.inversion.snapshot import Snapshot, State
from stir.progress import progress_bar
from stir.representations import Representing

ROUNDED_FLOOR = 0.07
"""bfloat16 stalls below; float32 takes over there."""
ROUNDED_PATIENCE = 10
"""Evaluations without progress after which float32 takes over, in a descent that ends at the tolerance."""
FEW = 32
"""Images that the model is tried with before the work starts."""


class Work:
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
        known = settings | own | {"targets": self.targets, "seeds": self.seeds, "partners": self.partners}

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
                    patience=ROUNDED_PATIENCE if descent.ends_at_tolerance and not last else None,
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
        warn_of_unconverged(error, converged, self.stopping.tolerance)
        known = (self.classes != NO_CLASS).all()
        norms = self.targets.norm(dim=1).cpu().to(error)
        here = self.seeds.device
        return Inversion(
            iri_images=self.images,
            seed_images=self.seeds,
            seed_error=self.seed_error.to(here),
            inversion_error=error.to(here),
            pairwise_inversion_error=(error * norms / median_pair_distance(self.targets[:POOL])).to(here),
            converged=converged.to(here),
            correlation=self.matches.correlation.to(here),
            null_correlation=self.matches.null_correlation.to(here),
            same_class=(self.matches.predicted_class == self.classes).to(here) if known else None,
            iterations=self.iterations.to(here),
            method=method,
            tolerance=self.stopping.tolerance,
        )
