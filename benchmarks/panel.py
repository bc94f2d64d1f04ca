"""Count the evaluations that each descent needs, over a panel of networks: ``make bench-panel``.

An evaluation is a forward and backward pass for one picture. All methods start from the same noise. Per network, layer, method
and image, docs/benchmarks/panel.csv holds the best error by evaluation, and the distance ‖X'−seed image‖₂ where an error was
first reached; a run replaces its own rows and keeps the others. `panel_page` renders table and figure from that file alone.
"""

import argparse
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any
from unittest.mock import patch

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from benchmarks import cifar10, panel_page
from benchmarks.panel_page import LEVELS, MARKS
from stir.checks import PixelBounds
from stir.data.photographs import load_photographs
from stir.errors import ConvergenceWarning, MatchWarning
from stir.inversion import InversionSettings, invert
from stir.inversion.descent import Descent, Rows
from stir.inversion.registry import METHODS
from stir.layers import LayerSpec
from stir.models import Architecture, build_model
from stir.provenance import code_version

RANDOM_SEED = 0


@dataclass(frozen=True)
class Entry:
    """A network of the panel, with its middle layer."""

    model: Callable[[], nn.Module]
    images: Callable[[int], Tensor]
    middle: LayerSpec

    def layers(self) -> dict[str, LayerSpec]:
        """Return the layers to invert at, by the names of the table."""
        return {"penultimate": LayerSpec(), "middle": self.middle}


def photographs(n: int) -> Tensor:
    """Return the first crop of each photograph, then the second of each, and so on, 224 x 224 pixels in [0, 1]."""
    part = load_photographs().train
    rank = pd.Series(part.labels).groupby(part.labels).cumcount()
    chosen = np.argsort(rank.to_numpy(), kind="stable")[:n]
    return torch.from_numpy(part.read(chosen)).float() / 255


def _cifar(name: str, objective: str, middle: str) -> Entry:
    return Entry(partial(cifar10.trained, name, 16, objective, 0), cifar10.reference_images, LayerSpec(middle))


def _photographs(address: str, middle: str, weights: str | None = None, pooling: str = "global_average") -> Entry:
    build = partial(build_model, Architecture(address, weights=weights), random_seed=0)
    return Entry(lambda: build().eval(), photographs, LayerSpec(middle, pooling=pooling))


NETWORKS = {
    "lite0": _photographs("efficientnet_lite:efficientnet_lite0", "_blocks.8", "default"),
    "lite1": _photographs("efficientnet_lite:efficientnet_lite1", "_blocks.12", "default"),
    "lite2": _photographs("efficientnet_lite:efficientnet_lite2", "_blocks.12", "default"),
    "resnet18": _cifar("resnet18", "vanilla", "stage2"),
    "resnet18-at": _cifar("resnet18", "at", "stage2"),
    "vgg16": _cifar("vgg16", "vanilla", "stage2"),
    "vgg16-at": _cifar("vgg16", "at", "stage2"),
    "resnet50-untrained": _photographs("torchvision:resnet50", "layer2"),
    "convnext-untrained": _photographs("timm:convnext_tiny", "stages.1"),
    "vit-untrained": _photographs("timm:vit_tiny_patch16_224", "blocks.5", pooling="flatten"),
}
"""Their order is that of the runs and of the table."""


class Recorded:
    """A descent that keeps the best error of every picture by evaluation, and its distance from the seed image."""

    closing_evaluations = 0
    ends_at_tolerance = True

    def __init__(self, descent: Descent[Any], n: int, evaluations: int) -> None:
        self.descent = descent
        self.errors = np.full((n, evaluations), np.nan)
        self.distances = np.full((n, evaluations), np.nan)
        self.seconds, self.n_evaluated, self._proposed = 0.0, 0, 0.0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.descent, name)

    def start(self, index: Tensor, targets: Tensor, images: Tensor) -> Rows:
        """Keep the seed images, which are all there is in the first batch."""
        self.seeds = images.clone()
        return self.descent.start(index, targets, images)

    def propose(self, rows: Rows, pixel_bounds: PixelBounds) -> Tensor:
        """Note when the evaluation begins."""
        trial = self.descent.propose(rows, pixel_bounds)
        self._proposed = time.perf_counter()
        return trial

    def accept(self, rows: Rows, trial: Tensor, errors: Tensor, gradients: Tensor, running: Tensor) -> None:
        """Write down where the pictures are after an evaluation."""
        self.seconds += time.perf_counter() - self._proposed
        self.n_evaluated += len(rows)
        self.descent.accept(rows, trial, errors, gradients, running)
        image, evaluation = rows.index[running], rows.iterations[running] - 1
        self.errors[image, evaluation] = rows.best_errors[running]
        self.distances[image, evaluation] = (rows.best_images[running] - self.seeds[image]).norm(dim=1)


def measure(network: str, layer: str, method: str, n: int, evaluations: int) -> pd.DataFrame:
    """Invert at one layer by one method; return a row per image."""
    entry = NETWORKS[network]
    recorded = Recorded(METHODS[method], n, evaluations)
    settings = InversionSettings(method, tolerance=min(LEVELS), max_iterations=evaluations, batch_size=n, precision="float32")
    with patch.dict(METHODS, {method: recorded}), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.simplefilter("ignore", MatchWarning)
        found = invert(entry.model(), entry.images(n), layer=entry.layers()[layer], random_seed=RANDOM_SEED, settings=settings)
    rows = pd.DataFrame({"image": range(n)})
    rows.insert(0, "method", method)
    rows.insert(0, "layer", layer)
    rows.insert(0, "network", network)
    rows["version"], rows["forward_pass"], rows["threads"] = code_version(), found.forward_pass, torch.get_num_threads()
    rows["seconds_per_evaluation"] = recorded.seconds / max(1, recorded.n_evaluated)
    rows["budget"], rows["evaluations"], rows["error"] = evaluations, found.iterations.numpy(), found.inversion_error.numpy()
    rows["distance"] = (found.iri_images - found.seed_images).flatten(1).norm(dim=1).numpy()
    return rows.assign(**_reached(recorded), **_curve(recorded.errors))


def _reached(recorded: Recorded) -> dict[str, np.ndarray]:
    """Return the evaluations to each error, and the distance there; NaN where it was not reached."""
    columns = {}
    for level in LEVELS:
        hit = recorded.errors <= level
        first = hit.argmax(axis=1)
        columns[f"evaluations_to_{level}"] = np.where(hit.any(axis=1), first + 1, np.nan)
        columns[f"distance_at_{level}"] = np.where(hit.any(axis=1), recorded.distances[np.arange(len(first)), first], np.nan)
    return columns


def _curve(errors: np.ndarray) -> dict[str, np.ndarray]:
    """Return the best errors after some numbers of evaluations, NaN beyond the last; a picture that is done keeps its own."""
    best = np.fmin.accumulate(errors, axis=1)
    beyond = np.full(len(errors), np.nan)
    return {f"error_{mark}": best[:, mark - 1] if mark <= errors.shape[1] else beyond for mark in MARKS}


def main() -> None:
    """Measure what was asked for, then render."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--networks", nargs="*", choices=list(NETWORKS), default=list(NETWORKS))
    parser.add_argument("--layers", nargs="*", choices=["penultimate", "middle"], default=["penultimate", "middle"])
    parser.add_argument("--methods", nargs="*", choices=list(METHODS), default=list(METHODS))
    parser.add_argument("--images", type=int, default=8)
    parser.add_argument("--evaluations", type=int, default=150)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--render", action="store_true", help="Only render what the file holds.")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    for network in [] if arguments.render else arguments.networks:
        for layer in arguments.layers:
            for method in arguments.methods:
                began = time.perf_counter()
                panel_page.keep(measure(network, layer, method, arguments.images, arguments.evaluations))
                print(f"{network} {layer} {method}: {time.perf_counter() - began:.0f} s", flush=True)
    panel_page.render()


if __name__ == "__main__":
    main()
