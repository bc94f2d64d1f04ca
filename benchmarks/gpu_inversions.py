"""IRIs of CIFAR's images and of photographs: time, evaluations, fraction of the peak, memory."""

import time
import warnings
from typing import Any
from unittest.mock import patch

from gpu_materials import large_network, network, photographs, pixels, small_images
from gpu_measuring import Bench, Values, fractions, wait
from gpu_synchronisations import per_evaluation
from rates import evaluation_flop
from torch import Tensor, nn

from stir.inversion import InversionSettings, invert
from stir.inversion.state import Work

WARM = 2
"""Evaluations that warm up; they are not measured."""
PROBED = 10
"""Steps of the published descent that its time is predicted from."""
PUBLISHED = "normalised_gradient"
TOLERANCE_OF_PHOTOGRAPHS = 0.1


def inverted(bench: Bench, model: nn.Module, images: Tensor, flop: float, **settings: Any) -> Values:
    """Invert once to warm up and once to measure; the fraction of the peak is that of the descent."""
    _quietly(bench, model, images, **settings | {"max_iterations": WARM})
    seconds, descent, found = _quietly(bench, model, images, **settings)
    closing = int(settings.get("method") == PUBLISHED)
    evaluations = (found.iterations + closing).sum().item()
    return {
        "seconds": seconds,
        "descent_seconds": descent,
        "evaluations": found.iterations.double().mean().item(),
        **fractions(bench, flop * evaluations, descent),
        "error": found.inversion_error.median().item(),
        "converged": found.converged_fraction,
        "note": f"{found.forward_pass}; descent begins in {found.precision_used}",
    }


def _quietly(bench: Bench, model: nn.Module, images: Tensor, **settings: Any) -> tuple[float, float, Any]:
    """Return seconds of the whole and of the descent, and the inversion."""
    descend, took = Work.descend, []

    def timed(*arguments: Any, **keywords: Any) -> None:
        wait(bench.device)
        began = time.perf_counter()
        descend(*arguments, **keywords)
        wait(bench.device)
        took.append(time.perf_counter() - began)

    with warnings.catch_warnings(), patch.object(Work, "descend", timed):
        warnings.simplefilter("ignore")
        wait(bench.device)
        began = time.perf_counter()
        found = invert(model, images, random_seed=0, **settings)
        wait(bench.device)
        return time.perf_counter() - began, took[0], found


def of_cifar(bench: Bench) -> None:
    """Write the rows of the ResNet18: the default method, and the published steps."""
    model, kind = network(bench.folder, bench.sizes)
    images, _, source = small_images(bench.sizes, "test")
    model, images = model.to(bench.device), pixels(images[: bench.sizes.images]).to(bench.device)
    flop = evaluation_flop(model, images)
    what = f"{kind} ResNet18 of width {bench.sizes.width}, {len(images)} of {source}, {flop / 1e9:.3g} GFLOP per evaluation"
    bench.row("network and images", note=what)
    default = InversionSettings()
    whole = {"batch_size": len(images)}
    for name, settings, goal in (
        (f"{default.method}, float32", {}, ""),
        (f"{default.method}, auto", {"precision": "auto"}, "2 s"),
        (f"{default.method}, bfloat16, one batch", {"precision": "bfloat16", **whole}, "2 s; 40% of bfloat16"),
        (f"{default.method}, float32, one batch", whole, ""),
    ):
        bench.trial(name, lambda s=settings, g=goal: inverted(bench, model, images, flop, **s) | {"goal": g}, needs=5)
    waits = {"precision": "bfloat16", "max_iterations": 12, **whole}
    bench.trial(
        "waits for the GPU",
        lambda: {"waits per evaluation": per_evaluation(bench.device, lambda: _quietly(bench, model, images, **waits))},
    )
    for precision, goal in (("bfloat16", "12 s; 40% of bfloat16"), ("float32", "")):
        published = {"method": PUBLISHED, "precision": precision, **whole}
        bench.trial(f"published, {precision}", lambda s=published, g=goal: _published(bench, model, images, flop, s, g), needs=5)


def _published(bench: Bench, model: nn.Module, images: Tensor, flop: float, settings: Values, goal: str) -> Values:
    """Make as many steps as there is time for; where that is not all of them, say what all would take."""
    steps = bench.sizes.steps
    probed = min(PROBED, steps)
    _quietly(bench, model, images, **settings, max_iterations=WARM)
    per_step = _quietly(bench, model, images, **settings, max_iterations=probed)[1] / (probed + 1)
    made = min(steps, max(probed, int(0.5 * bench.left / per_step)))
    values = inverted(bench, model, images, flop, **settings, max_iterations=made)
    if made < steps:
        expected = values["seconds"] + (steps - made) * values["descent_seconds"] / (made + 1)
        values["note"] += f"; cut to {made} of {steps} steps, which are expected to take {expected:.1f} s"
    return values | {"goal": goal}


def of_photographs(bench: Bench) -> None:
    """Write the rows of the networks of ImageNet's size, untrained."""
    images, source = photographs(bench.sizes)
    images = images.to(bench.device)
    for name in bench.sizes.networks:
        model = large_network(name, bench.sizes).to(bench.device)
        flop = evaluation_flop(model, images)
        for precision in ("auto", "float32"):
            settings = {"tolerance": TOLERANCE_OF_PHOTOGRAPHS, "max_iterations": bench.sizes.most_evaluations}
            settings |= {"precision": precision}
            what = f"untrained {name}, {precision}: {len(images)} {source} of {images.shape[-1]} pixels"
            goal = "40% of bfloat16" if precision == "auto" else ""
            measure = lambda m=model, f=flop, s=settings, g=goal: inverted(bench, m, images, f, **s) | {"goal": g}  # noqa: E731
            bench.trial(what, measure, needs=10 if precision == "auto" else 30)
        del model
