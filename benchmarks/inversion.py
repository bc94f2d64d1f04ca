"""Time inversions against the published package, paired in one run: ``make bench-inversion``.

Ours: wall time of `stir.invert` until every image is at or under the median error that the peer has after
its steps. Both start from the same N(0, 1) noise on the same trained network and images, on the same two cores.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cifar10
import numpy as np
import pandas as pd
import torch
from rates import SIDE, describe_rates, evaluation_flop, matmul_rate
from safetensors.torch import save_file
from torch import Tensor, nn

from stir import represent
from stir.errors import ConvergenceWarning
from stir.inversion import Inversion, invert
from stir.provenance import code_version, package_versions
from stir.seed_images import make_seed_images

ROOT = Path(__file__).resolve().parent.parent
PEER = "stir-invariance"
PEER_NEEDS = ("dill", "seaborn", "matplotlib-venn")
THREADS = 2
SHOWN = ROOT / "docs" / "benchmarks"
PEER_STEPS = (10, 30, 300)
OUR_ITERATIONS = (5, 10, 20, 40, 80, 160, 320, 640)


def peer_python() -> str:
    """Return the Python of the peer's environment; make it if necessary. It uses our PyTorch."""
    folder = cifar10.CACHE / "peer"
    python = folder / "bin" / "python"
    if not (folder / ".installed").is_file():
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "--no-deps", PEER, *PEER_NEEDS], check=True)
        site = subprocess.check_output(
            [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], text=True
        ).strip()
        (Path(site) / "ours.pth").write_text(sysconfig.get_path("purelib"))
        (folder / ".installed").touch()
    return str(python)


def run_peer(
    model: nn.Sequential,
    images: Tensor,
    *steps: int,
    name: str = "resnet18",
    network: Mapping[str, Any] | None = None,
    clock: str = "wall",
) -> dict[int, tuple[float, float]]:
    """Invert with the peer from our seed images; return steps -> (seconds, median error by the model as given).

    The network is described by its name alone if it is one of ours.
    """
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        save_file({key: value.contiguous() for key, value in model.state_dict().items()}, folder / "network.safetensors")
        width = next(module for module in model.modules() if isinstance(module, nn.Conv2d)).out_channels
        sizes = {"width": width, "channels": 3, "classes": cifar10.CLASSES}
        described = network or {"name": name, "sizes": sizes, "threads": THREADS}
        (folder / "network.json").write_text(json.dumps(described))
        np.save(folder / "images.npy", images.numpy())
        seeds = make_seed_images("normal_noise", images, random_seed=0, pixel_bounds=None)
        np.save(folder / "seeds.npy", seeds[:].numpy())
        script, sources = Path(__file__).with_name("peer_inversion.py"), ROOT / "stir" / "models"
        subprocess.run([peer_python(), "-I", script, folder, sources, *map(str, steps)], check=True)
        found = {count: torch.from_numpy(np.load(folder / f"found-{count}.npy")) for count in steps}
        seconds = {count: json.loads((folder / f"seconds-{count}.json").read_text())[clock] for count in steps}
    return {count: (seconds[count], errors(model, images, found[count]).median().item()) for count in steps}


def errors(model: nn.Module, images: Tensor, found: Tensor) -> Tensor:
    """Return the inversion errors of pictures, in float32, with the model as given."""
    of_images, of_found = represent(model, images), represent(model, found)
    return (of_found - of_images).norm(dim=1) / of_images.norm(dim=1)


def run_ours(model: nn.Module, images: Tensor, *, clock: str = "wall", **settings: object) -> tuple[float, Inversion]:
    """Invert; return seconds and the inversion."""
    now = time.perf_counter if clock == "wall" else lambda: time.process_time() / torch.get_num_threads()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        began = now()
        found = invert(model, images, random_seed=0, batch_size=len(images), **settings)  # type: ignore[arg-type]
        return now() - began, found


def seconds_to(model: nn.Module, images: Tensor, tolerance: float, precision: str) -> tuple[float, float]:
    """Return the wall time until every image is at or under an error, and the mean number of evaluations; fail if one is not."""
    seconds, found = run_ours(model, images, tolerance=tolerance, precision=precision, max_iterations=2000)
    worst = errors(model, images, found.iri_images).max().item()
    assert worst <= tolerance * (1 + 1e-4), f"an image ended at {worst}, over {tolerance}"
    return seconds, found.iterations.double().mean().item()


def pair(model: nn.Module, images: Tensor) -> dict[str, float]:
    """Measure both sides once."""
    row = {}
    for steps, (seconds, error) in run_peer(model, images, 1000, 100).items():
        row |= {f"peer {steps}": seconds, f"error {steps}": error}
        for precision in ("bfloat16", "float32"):
            ours, evaluations = seconds_to(model, images, error, precision)
            row |= {f"{precision} {steps}": ours, f"evaluations {precision} {steps}": evaluations}
            row |= {f"speedup {precision} {steps}": seconds / ours}
    return row


def curves(model: nn.Module, images: Tensor, seconds: float) -> pd.DataFrame:
    """Return median error against time for both methods; ours also for the time that the peer took."""
    points = [("published package", n, *run_peer(model, images, n)[n]) for n in PEER_STEPS]
    iterations = list(OUR_ITERATIONS)
    for count in iterations:
        took, found = run_ours(model, images, tolerance=1e-9, max_iterations=count)
        points.append(("lbfgs, float32", count, took, found.inversion_error.median().item()))
        if count == iterations[-1] and 1.6 * took < seconds:
            iterations.append(min(2 * count, int(0.97 * count * seconds / took)))
    return pd.DataFrame(points, columns=["method", "iterations", "seconds", "median_error"])


def draw(table: pd.DataFrame) -> None:
    """Draw the curves."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
    for method, rows in table.sort_values("seconds").groupby("method"):
        axes.loglog(rows["seconds"], rows["median_error"], marker="o", label=method)
    axes.set_xlabel("wall time (s), 100 images, 2 CPU cores")
    axes.set_ylabel("median inversion error")
    axes.grid(alpha=0.3, which="both")
    axes.legend()
    figure.savefig(SHOWN / "inversion.png", dpi=150)


def main() -> None:
    """Print every pair, the medians, and `speedup NN.N`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--images", type=int, default=100)
    arguments = parser.parse_args()
    torch.set_num_threads(THREADS)
    model, images = cifar10.trained("resnet18", 16, "vanilla", 0), cifar10.reference_images(arguments.images)
    accuracy = cifar10.accuracies(model)
    print(f"ResNet18 of width 16, accuracy {accuracy.clean:.3f}, CIFAR-10 (JPEG), n = {len(images)} images, {THREADS} threads")
    print(f"{os.cpu_count()} CPU cores, {code_version()}, {json.dumps(package_versions())}")
    run_ours(model, images[:4], tolerance=0.5, precision="bfloat16")
    work = evaluation_flop(model, images)
    rates = {"bfloat16": matmul_rate(torch.bfloat16), "float32": matmul_rate(torch.float32)}
    print(f"{work / 1e9:.3f} GFLOP per evaluation; matrix products of side {SIDE}: " + describe_rates(rates))
    pairs = pd.DataFrame([pair(model, images) for _ in range(arguments.pairs)])
    print(pairs.T.to_string(float_format="%.4g"))
    last = pairs.iloc[-1]
    points = curves(model, images, last["peer 1000"])
    for steps in (100, 1000):
        points.loc[len(points)] = ["published package", steps, last[f"peer {steps}"], last[f"error {steps}"]]
    SHOWN.mkdir(exist_ok=True)
    points.to_csv(SHOWN / "inversion.csv", index=False)
    draw(points)
    print(points.to_string(index=False, float_format="%.4g"))
    within = points[(points["method"] != "published package") & (points["seconds"] <= last["peer 1000"])]
    print(f"best median error in the peer's time: {within['median_error'].min():.4f}")
    for name in ("bfloat16 100", "float32 100", "float32 1000", "bfloat16 1000"):
        ratios = pairs[f"speedup {name}"]
        print(
            f"{name}: speedup {statistics.median(ratios):.1f} ({ratios.min():.1f} to {ratios.max():.1f}, n = {len(ratios)} pairs)"
        )
    for name, rate in rates.items():
        least = len(images) * pairs[f"evaluations {name} 1000"].median() * work / rate
        bound = pairs["peer 1000"].median() / least
        print(f"{name}: at the rate of matrix products these evaluations take {least:.2f} s, a speedup of {bound:.0f}")
    print(f"speedup {statistics.median(pairs['speedup bfloat16 1000']):.1f}")


if __name__ == "__main__":
    main()
