"""Time one evaluation of networks for photographs, as given and folded: ``make bench-evaluations``.

An evaluation is a forward and a backward pass up to the penultimate layer, for pictures in channels-last order as descents have
them. The model as given and the folded one take turns, so that other work on the machine slows both; the best round counts.
"""

import argparse
import json
import os
import time
from collections import Counter

import torch
from torch import Tensor, nn

from stir.inversion import InversionSettings
from stir.inversion.fast_forward import Forward, fast_forwards
from stir.inversion.problem import InversionProblem
from stir.models import Architecture, build_model
from stir.provenance import code_version, package_versions
from stir.representations import representing

NETWORKS = (
    *(f"efficientnet_lite:efficientnet_lite{number}" for number in range(3)),
    *("timm:tf_efficientnet_lite0", "timm:resnet50", "timm:convnext_tiny", "timm:vit_small_patch16_224"),
)
N_IMAGES, SIDE = 4, 224
NORMALISATIONS = ("BatchNorm", "batch_norm")


def seconds(forward: Forward, images: Tensor, targets: Tensor) -> float:
    """Return the CPU time of one evaluation, summed over threads and divided by their number: other work hardly enters it."""
    began = time.process_time()
    InversionProblem(forward).errors_and_gradients(images, targets)
    return (time.process_time() - began) / torch.get_num_threads()


def left_over(part: nn.Module) -> int:
    """Count the batch normalisations that a folded part still has."""
    kinds = Counter(type(module).__name__ for module in part.modules())
    kinds.update(getattr(node.target, "__name__", "") for node in part.graph.nodes)
    return sum(count for kind, count in kinds.items() if any(name in kind for name in NORMALISATIONS))


def row(name: str, rounds: int, threads: int) -> str:
    """Measure one network."""
    torch.set_num_threads(threads)
    model = build_model(Architecture(name)).eval()
    images = torch.rand(N_IMAGES, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    images = images.to(memory_format=torch.channels_last)
    prepared = fast_forwards(model, None, images, InversionSettings())
    with representing(model, None, images[:2]) as given:
        targets = given(images).detach()
        sides = {"given": given, "folded": prepared.exact or given}
        taken = [{side: seconds(forward, images, targets) for side, forward in sides.items()} for _ in range(rounds)]
    best = {side: min(one[side] for one in taken) for side in sides}
    ratios = sorted(one["given"] / one["folded"] for one in taken[1:] or taken)
    left = left_over(prepared.exact.part) if prepared.exact else "all"  # type: ignore[attr-defined]
    ratio = f"{best['given'] / best['folded']:.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})"
    return f"| {name} | {threads} | {1e3 * best['given']:.0f} | {1e3 * best['folded']:.0f} | {ratio} | {left} | {prepared.note} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--networks", nargs="*", default=NETWORKS)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, nargs="*", default=[1, 2])
    arguments = parser.parse_args()
    print(f"{N_IMAGES} pictures of {SIDE} x {SIDE}, n = {arguments.rounds} rounds, {os.cpu_count()} CPU cores, {code_version()}")
    print(f"{json.dumps(package_versions())}\n")
    print("| network | threads | as given, ms | folded, ms | given / folded | BatchNorm left | forward pass |")
    print("|---|---|---|---|---|---|---|")
    for name in arguments.networks:
        for threads in arguments.threads:
            print(row(name, arguments.rounds, threads), flush=True)


if __name__ == "__main__":
    main()
