"""Compare `stir.STIR` with the published function on one small example: ``make bench-drop-in``.

Two ResNet18s of width 8 are trained on digits for two epochs; both sides get the same weights and images, in eval mode.
"""

import argparse
import json
import subprocess
import tempfile
import warnings
from pathlib import Path

import numpy as np
import torch
from inversion import ROOT, peer_python
from safetensors.torch import save_file
from sklearn.datasets import load_digits
from torch import Tensor, nn

from stir import STIR
from stir.errors import ConvergenceWarning
from stir.inversion import InversionSettings
from stir.models import Architecture, build_model
from stir.provenance import code_version, package_versions
from stir.training import TrainingRecipe, train

SIZES = {"width": 8, "channels": 1, "classes": 10}
RECIPE = TrainingRecipe("vanilla", 2, 64, 0.1, 0.9, 5e-4)


def networks(images: Tensor, labels: Tensor) -> list[nn.Module]:
    """Train two networks that differ in their training seed."""
    found = []
    for random_seed in (0, 1):
        model = build_model(Architecture("resnet18", SIZES["width"], 1, 10), random_seed=random_seed)
        train(model, images, labels, RECIPE, generator=torch.Generator().manual_seed(random_seed))
        found.append(model.eval())
    return found


def published(models: list[nn.Module], images: Tensor, steps: int, python: str) -> dict:
    """Return the results of the published function."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        for name, model in zip(("first", "second"), models, strict=True):
            save_file({key: value.contiguous() for key, value in model.state_dict().items()}, folder / f"{name}.safetensors")
            (folder / f"{name}.json").write_text(json.dumps({"name": "resnet18", "sizes": SIZES}))
        np.save(folder / "images.npy", images.numpy())
        script, sources = Path(__file__).with_name("drop_in_published.py"), ROOT / "stir" / "models"
        return json.loads(subprocess.check_output([python, "-I", script, folder, sources, str(steps)], text=True))


def ours(models: list[nn.Module], images: Tensor, settings: InversionSettings) -> dict[str, float]:
    """Return our results, with the median inversion errors."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        found = STIR(*models, None, None, images, settings=settings)
    errors = [inversion.inversion_error.median().item() for inversion in (found.inversion1, found.inversion2) if inversion]
    return {"m1m2": found.m1m2, "m2m1": found.m2m1, "rsm": found.rsm, "median errors": errors}  # type: ignore[dict-item]


def main() -> None:
    """Print a table of both sides."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--images", type=int, default=64)
    parser.add_argument("--steps", type=int, default=200, help="of the published method, on both sides")
    parser.add_argument("--python", help="a Python that finds the published package; by default one is installed")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    images = torch.tensor(load_digits().images[:, None] / 16).float()
    models = networks(images[500:], torch.tensor(load_digits().target)[500:])
    images = images[: arguments.images]
    rows = published(models, images, arguments.steps, arguments.python or peer_python())
    rows = {f"published, {name}": row for name, row in rows.items()}
    as_published = InversionSettings("normalised_gradient", fake_last_relu=True, max_iterations=arguments.steps)
    rows |= {
        "ours, `normalised_gradient` with the fake ReLU": ours(models, images, as_published),
        "ours, `lbfgs` to an error of 0.05": ours(models, images, InversionSettings(max_iterations=1000)),
    }
    print("| | m1m2 | m2m1 | rsm | median errors |\n|---|---|---|---|---|")
    for name, row in rows.items():
        errors = ", ".join(f"{error:.3f}" for error in row.get("median errors", []))
        print(f"| {name} | {row['m1m2']:.3f} | {row['m2m1']:.3f} | {row['rsm']:.3f} | {errors} |")
    print(f"\nn = {len(images)} images, {arguments.steps} steps; CPU; {code_version()}, {json.dumps(package_versions())}")


if __name__ == "__main__":
    main()
