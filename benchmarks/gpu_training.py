"""Training of the ResNet18 that is inverted, and a step of AT; representations of images in an HDF5 file."""

import time
from dataclasses import replace

import cifar10
import h5py
import torch
from gpu_materials import architecture, keep_network, network, pixels, small_images
from gpu_measuring import Bench, Values, fractions, wait
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from stir import represent
from stir.inversion import InversionSettings
from stir.models import build_model
from stir.stored_images import StoredImages
from stir.training import Attack, TrainingRecipe, train

SECONDS_OF_TRAINING = 30
COUNTED = 4
"""Images of which the operations are counted."""
EVALUATED = 1000
"""Images that accuracy is measured on."""


def run(bench: Bench) -> None:
    """Write the rows."""
    images, labels, source = small_images(bench.sizes, "train")
    images, labels = pixels(images).to(bench.device), labels.to(bench.device)
    vanilla = replace(cifar10.RECIPES["short"], batch_size=bench.sizes.training_batch, precision="bfloat16", epochs=1)
    attack = Attack("l2", 1.0, bench.sizes.attack_steps, 2.5 / bench.sizes.attack_steps)
    at = replace(vanilla, objective="at", attack=attack)
    bench.row("network and images", note=f"ResNet18 of width {bench.sizes.width}, batches of {vanilla.batch_size}, {source}")
    step = bench.trial("vanilla step, bfloat16", lambda: _step(bench, images, labels, vanilla))
    bench.trial("training of the network to be inverted", lambda: _network(bench, images, labels, vanilla, step))
    for precision in ("bfloat16", "float32"):
        recipe = replace(at, precision=precision)
        bench.trial(f"AT step, {attack.steps} of PGD, {precision}", lambda r=recipe: _step(bench, images, labels, r), needs=5)
    bench.trial("AT step, bfloat16, cudnn.benchmark", lambda: _tuned(bench, images, labels, at), needs=10)


def _step(bench: Bench, images: Tensor, labels: Tensor, recipe: TrainingRecipe) -> Values:
    """Time steps of an epoch of few batches, after one that warms up."""
    few = slice(0, recipe.batch_size * max(1, bench.sizes.repeats))
    model = build_model(architecture(bench.sizes)).to(bench.device)

    def epoch(some: slice) -> None:
        train(model, images[some], labels[some], recipe, generator=torch.Generator().manual_seed(0))

    with FlopCounterMode(display=False) as counter:
        epoch(slice(0, COUNTED))
    epoch(slice(0, recipe.batch_size))
    wait(bench.device)
    began = time.perf_counter()
    epoch(few)
    wait(bench.device)
    n = len(images[few])
    seconds = (time.perf_counter() - began) * recipe.batch_size / n
    kind = recipe.precision
    flop = counter.get_total_flops() / min(COUNTED, len(images)) * recipe.batch_size
    return {"seconds": seconds, "images per second": recipe.batch_size / seconds, **fractions(bench, flop, seconds, kind)}


def _tuned(bench: Bench, images: Tensor, labels: Tensor, recipe: TrainingRecipe) -> Values:
    with torch.backends.cudnn.flags(enabled=True, benchmark=True, allow_tf32=torch.backends.cudnn.allow_tf32):
        return _step(bench, images, labels, recipe)


def _network(bench: Bench, images: Tensor, labels: Tensor, recipe: TrainingRecipe, step: Values) -> Values:
    """Train on as many images as there is time for, and keep the network."""
    affordable = int(SECONDS_OF_TRAINING * step.get("images per second", 0)) // bench.sizes.epochs
    n = min(len(images), max(affordable, recipe.batch_size))
    model = build_model(architecture(bench.sizes), random_seed=0).to(bench.device)
    model.get_submodule("normalise").fit(images[:n])
    began = time.perf_counter()
    recipe = replace(recipe, epochs=bench.sizes.epochs)
    train(model, images[:n], labels[:n], recipe, generator=torch.Generator().manual_seed(0))
    wait(bench.device)
    seconds = time.perf_counter() - began
    keep_network(bench.folder, model.cpu(), bench.sizes, str(recipe))
    test, classes, _ = small_images(bench.sizes, "test")
    with torch.no_grad():
        predicted = model.to(bench.device)(pixels(test[:EVALUATED]).to(bench.device)).argmax(dim=1).cpu()
    right = (predicted == classes[:EVALUATED]).float().mean().item()
    note = f"{bench.sizes.epochs} epochs of {n} images, accuracy {right:.3f}"
    return {"seconds": seconds, "images per second": bench.sizes.epochs * n / seconds, "note": note}


def representations(bench: Bench) -> None:
    """Write the rows of images that are read from HDF5."""
    model, kind = network(bench.folder, bench.sizes)
    model = model.to(bench.device)
    images, _, source = small_images(bench.sizes, "test")
    images = images[: bench.sizes.represented]
    path, batch_size = bench.folder / "images.h5", InversionSettings().batch_size
    with h5py.File(path, "w") as file:
        file["images"] = images.numpy()
    bench.row("network and images", note=f"{kind} ResNet18 of width {bench.sizes.width}, {len(images)} of {source}")
    with h5py.File(path) as file:
        stored = StoredImages(file["images"], white_level=255)

        def read() -> None:
            for start in range(0, len(stored), batch_size):
                stored[start : start + batch_size]

        there = pixels(images).to(bench.device)
        for what, work in (
            ("reading alone", read),
            ("computing alone", lambda: represent(model, there, batch_size=batch_size)),
            ("from HDF5 to representations", lambda: represent(model, stored, batch_size=batch_size)),
        ):
            bench.trial(what, lambda w=work: _throughput(bench, w, len(stored)))


def _throughput(bench: Bench, work: object, n: int) -> Values:
    assert callable(work)
    work()
    wait(bench.device)
    began = time.perf_counter()
    work()
    wait(bench.device)
    seconds = time.perf_counter() - began
    return {"seconds": seconds, "images per second": n / seconds}
