"""Print how often 95% jackknife intervals of linear CKA cover the truth: ``python benchmarks/coverage.py [REPETITIONS]``.

``--bootstrap`` prints instead how often intervals from images drawn with replacement do, for 100 images.

Representations are drawn from populations whose CKA is known: y = (√m x + √(1−m) e) W, with x and e independent, variances of
the features falling as 1/k, Gaussian or rectified. The truth of the debiased estimator is the CKA of the population; that of the
biased one is the mean of the estimator over the repetitions, since its bias at n images is part of what it estimates.
"""

import sys
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Generator, Tensor

from stir.controls import interval_over_images
from stir.provenance import code_version, device_kind, package_versions
from stir.similarity import SIMILARITY_MEASURES

N_POPULATION = 200_000
"""Images from which the CKA of a population is computed."""
N_RESAMPLES = 99
"""Samples with replacement per interval of the bootstrap."""
ESTIMATORS = ("linear_cka", "linear_cka_debiased")


class Population(NamedTuple):
    """Representations x and y of any number of images."""

    n_features: int
    shared: float
    """m, the share of the variance of y that x explains."""
    rectified: bool

    def drawer(self, generator: Generator) -> Callable[[int], tuple[Tensor, Tensor]]:
        """Return a function that draws n images."""
        spread = torch.arange(1, self.n_features + 1, dtype=torch.float64) ** -0.5
        weights = torch.randn(self.n_features, self.n_features, generator=generator, dtype=torch.float64)

        def draw(n: int) -> tuple[Tensor, Tensor]:
            x, e = torch.randn(2, n, self.n_features, generator=generator, dtype=torch.float64) * spread
            if self.rectified:
                x, e = x.relu(), e.relu()
            return x, (self.shared**0.5 * x + (1 - self.shared) ** 0.5 * e) @ weights

        return draw


POPULATIONS = [Population(d, shared, rectified) for d in (16, 64) for shared in (0.3, 0.9) for rectified in (False, True)]


def measured(name: str, x: Tensor, y: Tensor) -> tuple[float, float, float]:
    """Return a score and the bounds of its interval."""
    score = SIMILARITY_MEASURES[name](x, y)
    interval = interval_over_images(score, x, y, similarity_measure=name)
    assert interval is not None
    return score, *interval


def bootstrapped(name: str, x: Tensor, y: Tensor) -> tuple[float, float, float]:
    """Return a score and the bounds of its percentile interval; images are drawn with replacement."""
    measure = SIMILARITY_MEASURES[name]
    draws = torch.randint(len(x), (N_RESAMPLES, len(x)), generator=Generator().manual_seed(0))
    low, high = np.quantile([measure(x[draw], y[draw]) for draw in draws], [0.025, 0.975])
    return measure(x, y), low, high


def coverage(
    population: Population, n: int, repetitions: int, generator: Generator, interval: Callable[..., tuple[float, float, float]]
) -> list[dict[str, object]]:
    """Return a row per estimator; both are computed from the same images."""
    draw = population.drawer(generator)
    large = draw(N_POPULATION)
    found = np.array([[interval(name, *drawn) for name in ESTIMATORS] for drawn in (draw(n) for _ in range(repetitions))])
    rows = []
    for name, (scores, low, high) in zip(ESTIMATORS, found.transpose(1, 2, 0), strict=True):
        truth = scores.mean() if name == "linear_cka" else SIMILARITY_MEASURES[name](*large)
        covered = float(((low <= truth) & (truth <= high)).mean())
        rows.append(
            {**population._asdict(), "n": n, "estimator": name, "truth": truth, "coverage": covered}
            | {"width": float((high - low).mean()), "sd": (covered * (1 - covered) / repetitions) ** 0.5}
        )
    return rows


def main(repetitions: int) -> None:
    """Print a table of coverages, with the versions that it was made with."""
    torch.set_num_threads(1)
    made_by = f"{device_kind('cpu')}; code {code_version()}; {package_versions()}"
    generator = Generator().manual_seed(0)
    interval, sizes = (bootstrapped, (100,)) if "--bootstrap" in sys.argv else (measured, (100, 300, 1000))
    rows = [row for population in POPULATIONS for n in sizes for row in coverage(population, n, repetitions, generator, interval)]
    table = pd.DataFrame(rows)
    print(table.to_markdown(index=False, floatfmt=".3f") if "--markdown" in sys.argv else table.round(3).to_string(index=False))
    means = table.groupby(["estimator", "n"])["coverage"].agg(["mean", "min", "max"]).round(3)
    print(f"\nCoverage over the {len(POPULATIONS)} populations:\n{means.to_string()}\n")
    print(f"{repetitions} repetitions per row; {made_by}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 500)
