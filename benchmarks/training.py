"""Time training steps in bfloat16 and in float32: ``make bench-training``.

Use one thread, like a job, and batches of random pixels in the shape of CIFAR's; steps of both precisions are timed in turn, so
that other load on the machine affects both.
"""

import json
import os
import platform
import statistics
import time

import torch

from stir.models import Architecture, build_model
from stir.provenance import package_versions
from stir.training import Attack, TrainingRecipe, train

NETWORKS = [Architecture("resnet18", 16, 3, 10), Architecture("vgg16", 16, 3, 10)]
ONE_STEP = Attack("l2", 1.0, 1, 1.25, random_start=True)
ATTACKS = {"vanilla": None, "at": ONE_STEP, "trades": ONE_STEP, "mart": ONE_STEP}
BATCH, ROUNDS = 128, 5


def seconds_an_image(architecture: Architecture, objective: str, precision: str, images: torch.Tensor) -> float:
    """Return the time per image of an epoch with a few batches."""
    model = build_model(architecture)
    recipe = TrainingRecipe(objective, 1, BATCH, 0.01, 0.9, 5e-4, ATTACKS[objective], precision=precision)
    labels = torch.arange(len(images)) % 10
    began = time.perf_counter()
    train(model, images, labels, recipe, generator=torch.Generator().manual_seed(0))
    return (time.perf_counter() - began) / len(images)


def main() -> None:
    """Print milliseconds per image and the ratio, with its range over rounds."""
    torch.set_num_threads(1)
    images = torch.rand(3 * BATCH, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    print("| network | objective | float32, ms per image | bfloat16, ms per image | float32 / bfloat16 |")
    print("|---|---|---|---|---|")
    for architecture in NETWORKS:
        for objective in ATTACKS:
            rounds = [
                [1e3 * seconds_an_image(architecture, objective, precision, images) for precision in ("float32", "bfloat16")]
                for _ in range(ROUNDS + 1)
            ][1:]  # the first one warms up
            full, half = (statistics.median(column) for column in zip(*rounds, strict=True))
            ratios = sorted(first / second for first, second in rounds)
            ratio = f"{statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})"
            print(
                f"| {architecture.name}, width {architecture.width} | {objective} | {full:.2f} | {half:.2f} | {ratio} |",
                flush=True,
            )
    print(f"\nMedian and range of n = {ROUNDS} rounds; 1 thread of {os.cpu_count()} CPU cores, {platform.machine()}, ", end="")
    print(f"load {os.getloadavg()[0]:.1f} at the end; {json.dumps(package_versions())}")


if __name__ == "__main__":
    main()
