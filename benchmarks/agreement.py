"""Compare STIR by our descents with STIR by `normalised_gradient`, per kind of training: ``make bench-agreement``.

Also compares `lbfgs` in smaller batches and in bfloat16, which round differently. All end at similar errors: the
tolerance of ours is the median error of `normalised_gradient` for that model. The distance is the median of ‖X' − seed image‖₂.
"""

import argparse
import json
import warnings

import cifar10
import pandas as pd
import torch

from stir import represent
from stir.errors import ConvergenceWarning
from stir.inversion import invert
from stir.provenance import code_version, package_versions
from stir.similarity import get_similarity_measure

INVERSION_SEEDS = (0, 1, 2)
OURS = {
    "lbfgs": {},
    "lbfgs, batches of 32": {"batch_size": 32},
    "lbfgs, bfloat16": {"precision": "bfloat16"},
    "lbfgs_adam": {"method": "lbfgs_adam"},
}
MEASURES = ("linear_cka", "linear_cka_debiased")
TRAININGS = ("vanilla", "at")


def rows(objective: str, images: torch.Tensor, steps: int) -> list[dict[str, object]]:
    """Invert both models of a kind by each method, and score the other one."""
    models = [cifar10.trained("resnet18", 16, objective, random_seed) for random_seed in (0, 1)]
    found = []
    for reference, target in (models, models[::-1]):
        of_images = represent(target, images)
        for random_seed in INVERSION_SEEDS:
            settings = {"random_seed": random_seed, "batch_size": len(images)}
            published = invert(
                reference, images, method="normalised_gradient", fake_last_relu=True, max_iterations=steps, **settings
            )
            tolerance = published.inversion_error.median().item()
            inversions = {"normalised_gradient": published}
            for name, change in OURS.items():
                inversions[name] = invert(reference, images, tolerance=tolerance, max_iterations=2000, **settings | change)
            for name, inversion in inversions.items():
                of_iri = represent(target, inversion.iri_images)
                scores = {measure: get_similarity_measure(measure)(of_images, of_iri) for measure in MEASURES}
                error = inversion.inversion_error.median().item()
                distance = (inversion.iri_images - inversion.seed_images).flatten(1).norm(dim=1).median().item()
                evaluations = inversion.iterations.double().mean().item()
                row = {"training": objective, "method": name, "median_error": error, "distance": distance}
                found.append(row | {"evaluations": evaluations, **scores})
    return found


def main() -> None:
    """Print mean and standard deviation over two directions and the inversion seeds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=100)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--trainings", nargs="+", choices=TRAININGS, default=TRAININGS)
    arguments = parser.parse_args()
    torch.set_num_threads(2)
    warnings.simplefilter("ignore", ConvergenceWarning)
    images = cifar10.reference_images(arguments.images)
    print(f"ResNet18 of width 16, CIFAR-10 (JPEG), n = {len(images)}, {arguments.steps} steps of normalised_gradient (fake ReLU)")
    print(f"{code_version()}, {json.dumps(package_versions())}")
    for objective in arguments.trainings:
        print(objective, [cifar10.accuracies(cifar10.trained("resnet18", 16, objective, seed)) for seed in (0, 1)])
    table = pd.DataFrame([row for objective in arguments.trainings for row in rows(objective, images, arguments.steps)])
    print(table.groupby(["training", "method"], sort=False).agg(["mean", "std", "size"]).round(4).to_string())


if __name__ == "__main__":
    main()
