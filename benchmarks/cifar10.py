"""CIFAR-10 (JPEG) and the networks that benchmarks use, trained once and stored in data/benchmarks/.

The images come from the folder or archive that the variable STIR_CIFAR10_JPEG names:
``train/<class>/*.jpg`` and ``test/<class>/*.jpg``.
"""

import os
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from stir.models import Architecture, build_model, read_model, save_model
from stir.training import Accuracy, Attack, TrainingRecipe, accuracy, train

CACHE = Path(__file__).resolve().parent.parent / "data" / "benchmarks"
CLASSES = 10
EVALUATED = 1000
RECIPES = {
    "vanilla": TrainingRecipe("vanilla", epochs=5, batch_size=256, learning_rate=0.4, momentum=0.9, weight_decay=5e-4),
    "short": TrainingRecipe("vanilla", epochs=2, batch_size=256, learning_rate=0.2, momentum=0.9, weight_decay=5e-4),
    "at": TrainingRecipe(
        "at",
        epochs=4,
        batch_size=256,
        learning_rate=0.4,
        momentum=0.9,
        weight_decay=5e-4,
        attack=Attack(norm="l2", eps=1.0, steps=2, step_size=0.75),
    ),
}


def load_images(split: str) -> tuple[Tensor, Tensor]:
    """Return the images of a split, uint8 (n, 3, 32, 32), in random order, and their classes.

    The order is that of a fixed generator, so that the first n images have all classes.
    """
    path = CACHE / "cifar10-jpeg.npz"
    if not path.is_file():
        _decode(path)
    with np.load(path) as arrays:
        images, labels = torch.from_numpy(arrays[f"{split}_images"]), torch.from_numpy(arrays[f"{split}_labels"])
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
    return images[order], labels[order]


def reference_images(n: int) -> Tensor:
    """Return the first n test images, in [0, 1]."""
    return load_images("test")[0][:n].float() / 255


def trained(name: str, width: int, objective: str, random_seed: int) -> nn.Sequential:
    """Return a trained network in eval mode; train and store it if it does not exist."""
    architecture = Architecture(name, width, 3, CLASSES)
    path = CACHE / f"{name}-{width}-{objective}-{random_seed}.safetensors"
    if not path.is_file():
        model = _train(architecture, objective, random_seed)
        save_model(path, model, architecture, {"recipe": str(RECIPES[objective])})
    return read_model(path).eval()


def accuracies(model: nn.Module) -> Accuracy:
    """Return clean and robust accuracy on the first test images."""
    images, labels = load_images("test")
    attack = Attack(norm="l2", eps=1.0, steps=10, step_size=0.25)
    return accuracy(model, images[:EVALUATED].float() / 255, labels[:EVALUATED], attack)


def _train(architecture: Architecture, objective: str, random_seed: int) -> nn.Sequential:
    images, labels = load_images("train")
    pixels = images.float().div_(255).contiguous(memory_format=torch.channels_last)
    model = build_model(architecture, random_seed=random_seed).to(memory_format=torch.channels_last)
    model.get_submodule("normalise").fit(pixels)
    # Disable the cache, which would keep the weights of the first step for the whole block.
    with torch.autocast("cpu", torch.bfloat16, cache_enabled=False):
        train(model, pixels, labels, RECIPES[objective], generator=torch.Generator().manual_seed(random_seed), progress=True)
    return model.eval()


def _decode(path: Path) -> None:
    source = os.environ.get("STIR_CIFAR10_JPEG")
    if not source or not Path(source).exists():
        sys.exit(
            "Expected the variable STIR_CIFAR10_JPEG to name a folder or an archive of CIFAR-10 as JPEG files, "
            f"train/<class>/*.jpg and test/<class>/*.jpg; got {source!r}. Set it and run again."
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        if Path(source).is_file():
            shutil.unpack_archive(source, folder, filter="data")
            source = folder
        arrays = {}
        for split in ("train", "test"):
            arrays[f"{split}_images"], arrays[f"{split}_labels"] = _read_folder(Path(source) / split)
        part = path.with_suffix(".part.npz")
        np.savez(part, **arrays)
        part.rename(path)


def _read_folder(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    from torchvision.datasets import ImageFolder

    files = ImageFolder(str(folder))
    images = np.stack([np.asarray(image).transpose(2, 0, 1) for image, _ in files])
    return images, np.array(files.targets, dtype=np.int64)
