"""Compare inversions of EfficientNet-Lite0 with the published package's: a part of ``make bench-inversion``.

Photographs of 224 x 224 pixels, penultimate layer, ImageNet weights; both sides start from the same N(0, 1) noise. Each of our
methods descends until every image is at or under the *median* error that the peer has after its steps, or gives up. The speedup
is that of bringing the median to this error: the peer's time over that of as many evaluations as our median image needs.
Times are CPU times over the number of threads, so that other work on the machine hardly enters them.
"""

import argparse
import json
import os

import torch
from inversion import run_ours, run_peer

from stir.data.photographs import load_photographs
from stir.inversion import InversionSettings
from stir.inversion.registry import METHODS
from stir.models import Architecture, build_model
from stir.provenance import code_version, package_versions

ADDRESS = "efficientnet_lite:efficientnet_lite0"
MAX_ITERATIONS = 500


def photographs(n: int) -> torch.Tensor:
    """Return the first crop of each photograph, in [0, 1]."""
    part = load_photographs().train
    firsts = [int((part.labels == label).argmax()) for label in range(n)]
    return torch.from_numpy(part.read(firsts)).float() / 255


def main() -> None:
    """Print a row per side, and a speedup per method."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=8)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--methods", nargs="*", default=[name for name, descent in METHODS.items() if descent.ends_at_tolerance])
    arguments = parser.parse_args()
    n, steps, threads = arguments.images, arguments.steps, arguments.threads
    torch.set_num_threads(threads)
    model, images = build_model(Architecture(ADDRESS, weights="default")).eval(), photographs(n)
    print(f"{ADDRESS}, n = {n} photographs of 224 x 224, {threads} threads, load {os.getloadavg()[0]:.1f}")
    print(f"{os.cpu_count()} CPU cores, {code_version()}, {json.dumps(package_versions())}", flush=True)
    network = {"name": "efficientnet_lite0", "threads": threads}
    ((seconds, error),) = run_peer(model, images, steps, network=network, clock="cpu").values()
    each = seconds / steps / n
    peer = f"published package: {seconds:.1f} s for {steps} steps to a median error of {error:.4f}"
    print(f"{peer}, {1e3 * each:.1f} ms per evaluation", flush=True)
    default = InversionSettings().method
    for method in sorted(arguments.methods, key=lambda name: name != default):
        took, found = run_ours(model, images, clock="cpu", method=method, tolerance=error, max_iterations=MAX_ITERATIONS)
        own, median = took / int(found.iterations.sum()), float(found.iterations.double().median())
        print(
            f"{method}: {took:.1f} s, {int(found.converged.sum())} of {n} images there within {MAX_ITERATIONS} evaluations, "
            f"evaluations {sorted(found.iterations.tolist())}, {1e3 * own:.1f} ms each; "
            f"speedup {seconds / (median * n * own):.1f} = {steps / median:.1f} (evaluations) x {each / own:.1f} (each)",
            flush=True,
        )


if __name__ == "__main__":
    main()
