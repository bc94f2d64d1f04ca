"""Time inversions of networks of full width against the published package: ``make bench-inversion-full``.

Print the ratio for ten images, and a profile of our time.
"""

import argparse
import json
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from importlib import import_module
from typing import Any
from unittest.mock import patch

import cifar10
import torch
from inversion import THREADS, run_ours, run_peer, seconds_to
from rates import describe_rates, evaluation_flop, matmul_rate
from torch import Tensor, nn

from stir.inversion.lbfgs import LBFGS
from stir.inversion.problem import InversionProblem
from stir.provenance import code_version, package_versions

WIDTH = 64
STEPS = 1000
PARTS = {
    "forward and backward passes": (InversionProblem, "errors_and_gradients"),
    "L-BFGS: the next pictures": (LBFGS, "propose"),
    "L-BFGS: acceptance": (LBFGS, "accept"),
    "proof by the model as given": ("stir.inversion.state", "match"),
    "tracing and folding": ("stir.inversion.api", "fast_forwards"),
}


@contextmanager
def timed_parts() -> Iterator[dict[str, float]]:
    """Sum up the seconds spent in every part."""
    spent: dict[str, float] = defaultdict(float)

    def timed(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(*arguments: Any, **keywords: Any) -> Any:
            began = time.perf_counter()
            try:
                return function(*arguments, **keywords)
            finally:
                spent[name] += time.perf_counter() - began

        return wrapper

    with ExitStack() as stack:
        for name, (owner, attribute) in PARTS.items():
            place = import_module(owner) if isinstance(owner, str) else owner
            stack.enter_context(patch.object(place, attribute, timed(name, getattr(place, attribute))))
        yield spent


def shares(model: nn.Module, images: Tensor, tolerance: float, precision: str) -> str:
    """Return the fraction of an inversion's time that each part takes."""
    with timed_parts() as spent:
        seconds, _ = run_ours(model, images, tolerance=tolerance, precision=precision, max_iterations=2000)
    spent["the rest"] = seconds - sum(spent.values())
    return "\n".join(f"    {part / seconds:6.1%}  {name}" for name, part in sorted(spent.items(), key=lambda item: -item[1]))


def compare(name: str, images: Tensor) -> None:
    """Print both sides' times for one network."""
    model = cifar10.trained(name, WIDTH, "short", 0)
    print(f"{name} of width {WIDTH}, accuracy {cifar10.accuracies(model).clean:.3f}", flush=True)
    print(f"  {evaluation_flop(model, images) / 1e9:.2f} GFLOP per evaluation")
    seconds, error = run_peer(model, images, STEPS, name=name)[STEPS]
    print(f"  published package: {seconds:.1f} s to a median error of {error:.4f}", flush=True)
    for precision in ("bfloat16", "float32"):
        ours, evaluations = seconds_to(model, images, error, precision)
        print(f"  {precision}: {ours:.2f} s, {evaluations:.1f} evaluations per image, speedup {seconds / ours:.1f}")
        print(shares(model, images, error, precision), flush=True)


def main() -> None:
    """Compare both networks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=10)
    parser.add_argument("--networks", nargs="+", default=["resnet18", "vgg16"])
    arguments = parser.parse_args()
    torch.set_num_threads(THREADS)
    images = cifar10.reference_images(arguments.images)
    print(f"CIFAR-10 (JPEG), n = {len(images)} images, {STEPS} steps, {THREADS} threads, one run")
    print(f"{code_version()}, {json.dumps(package_versions())}")
    print(describe_rates({"bfloat16": matmul_rate(torch.bfloat16), "float32": matmul_rate(torch.float32)}))
    for name in arguments.networks:
        compare(name, images)


if __name__ == "__main__":
    main()
