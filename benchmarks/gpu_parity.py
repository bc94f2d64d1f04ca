"""Does the GPU find what the CPU finds? Representations, inversions, scores and similarity measures of both, side by side."""

import warnings
from copy import deepcopy

import torch
from gpu_materials import architecture, network, pixels, small_images
from gpu_measuring import Bench, Values
from torch import Tensor, nn

from stir import represent
from stir.inversion import Inversion, invert
from stir.models import build_model
from stir.score import score
from stir.similarity import SIMILARITY_MEASURES

RTOL, ATOL = 1e-3, 2e-3
"""Those of the golden numbers, which hold between kinds of processors; a test compares them."""
OF_REPRESENTATIONS = 1e-4
"""Largest relative difference of a representation."""
TOLERANCE = 0.05


def judged(difference: float, limit: float) -> Values:
    """Return a difference with its limit, and whether it holds."""
    return {"difference": difference, "limit": limit, "holds": difference <= limit}


def close(found: Tensor, expected: Tensor) -> Values:
    """Judge by the golden tolerances: the largest excess over ATOL + RTOL |expected|, as a difference with limit 1."""
    found, expected = found.double().cpu(), expected.double().cpu()
    return judged(((found - expected).abs() / (ATOL + RTOL * expected.abs())).max().item(), 1.0)


def run(bench: Bench) -> None:
    """Write the rows."""
    model, kind = network(bench.folder, bench.sizes)
    images, _, source = small_images(bench.sizes, "test")
    images, there = pixels(images[: bench.sizes.parity_images]), deepcopy(model).to(bench.device)
    bench.row("network and images", note=f"{kind} ResNet18 of width {bench.sizes.width}, {len(images)} of {source}")
    bench.trial("representations", lambda: _representations(model, there, images))
    on_cpu = _inverted(model, images, "float32")
    for precision in ("float32", "bfloat16"):
        bench.trial(f"inversion in {precision}", lambda precision=precision: _inversions(model, there, images, on_cpu, precision))
    bench.trial("STIR of the same IRIs", lambda: _scores(bench, model, there, images, on_cpu))
    for name in SIMILARITY_MEASURES:
        bench.trial(f"measure {name}", lambda name=name: _measure(name, bench.device))


def _inverted(model: nn.Module, images: Tensor, precision: str) -> Inversion:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return invert(model, images, random_seed=0, precision=precision, tolerance=TOLERANCE)


def _representations(model: nn.Module, there: nn.Module, images: Tensor) -> Values:
    here, of_gpu = represent(model, images), represent(there, images)
    return judged(((of_gpu - here).norm(dim=1) / here.norm(dim=1)).max().item(), OF_REPRESENTATIONS)


def _inversions(model: nn.Module, there: nn.Module, images: Tensor, on_cpu: Inversion, precision: str) -> Values:
    """Judge the errors that the GPU reports by the CPU's of the same pictures; the seed images must be the same bits."""
    found = _inverted(there, images, precision)
    of_images, of_found = represent(model, images), represent(model, found.iri_images)
    errors = (of_found - of_images).norm(dim=1) / of_images.norm(dim=1)
    values = close(found.inversion_error, errors)
    same = torch.equal(found.seed_images, on_cpu.seed_images)
    return values | {
        "holds": values["holds"] and same and bool(found.converged_fraction >= on_cpu.converged_fraction - ATOL),
        "evaluations": found.iterations.double().mean().item(),
        "note": f"converged {found.converged_fraction:.0%} (CPU {on_cpu.converged_fraction:.0%} in "
        f"{on_cpu.iterations.double().mean():.1f} evaluations); seed images {'the same' if same else 'differ'}; "
        f"{found.forward_pass}; descent in {found.precision_used}",
    }


def _scores(bench: Bench, model: nn.Module, there: nn.Module, images: Tensor, on_cpu: Inversion) -> Values:
    target = build_model(architecture(bench.sizes), random_seed=1).eval()

    def scored(reference: nn.Module, other: nn.Module) -> float:
        of_reference = represent(other, images)
        return score(
            reference_of_reference=represent(reference, images),
            target_of_reference=of_reference,
            target_of_iri=represent(other, on_cpu.iri_images),
        ).stir

    here, of_gpu = scored(model, target), scored(there, target.to(bench.device))
    return close(torch.tensor(of_gpu), torch.tensor(here)) | {"note": f"{of_gpu:.6f}, CPU {here:.6f}"}


def _measure(name: str, device: torch.device) -> Values:
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(64, 12, generator=generator)
    y = x @ torch.rand(12, 10, generator=generator) + torch.rand(64, 10, generator=generator)
    here = SIMILARITY_MEASURES[name](x, y)
    of_gpu = SIMILARITY_MEASURES[name](x.to(device), y.to(device))
    return close(torch.tensor(of_gpu), torch.tensor(here)) | {"note": f"{of_gpu:.6f}, CPU {here:.6f}"}
