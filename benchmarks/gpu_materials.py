"""Images and networks of `gpu.py`: real ones where they are at hand, made up ones otherwise; rows say which."""

import os
from pathlib import Path
from typing import Any

import cifar10
import numpy as np
import torch
import torchvision
from gpu_sizes import Sizes
from torch import Tensor, nn

from stir.data.photographs import load_photographs
from stir.errors import DatasetError
from stir.models import Architecture, build_model, read_model, save_model

CLASSES = 10
NETWORK = "resnet18.safetensors"


def small_images(sizes: Sizes, split: str) -> tuple[Tensor, Tensor, str]:
    """Return images of a split, uint8 (n, 3, 32, 32), their classes, and what they are."""
    at_hand = (cifar10.CACHE / "cifar10-jpeg.npz").is_file() or Path(os.environ.get("STIR_CIFAR10_JPEG", "")).is_file()
    at_hand = at_hand or (bool(os.environ.get("STIR_CIFAR10_JPEG")) and Path(os.environ["STIR_CIFAR10_JPEG"]).is_dir())
    n = sizes.training_images if split == "train" else max(sizes.images, sizes.represented)
    if at_hand and not sizes.made_up:
        images, labels = cifar10.load_images(split)
        return images[:n], labels[:n], "CIFAR-10 (JPEG)"
    generator = torch.Generator().manual_seed(int(split == "train"))
    labels = torch.arange(n) % CLASSES
    # Classes are blurred patterns, the same for both splits, under blurred noise: convolutions learn to tell them.
    patterns = _blurred(torch.rand(CLASSES, 3, 8, 8, generator=torch.Generator().manual_seed(7)), 32)
    noise = _blurred(torch.rand(n, 3, 16, 16, generator=generator), 32)
    return (255 * (0.5 * patterns[labels] + 0.5 * noise)).round().byte(), labels, "synthetic images"


def _blurred(small: Tensor, side: int) -> Tensor:
    return nn.functional.interpolate(small, size=(side, side), mode="bicubic").clamp(0, 1)


def pixels(images: Tensor) -> Tensor:
    """Return bytes as pixels in [0, 1]."""
    return images.float() / 255


def photographs(sizes: Sizes) -> tuple[Tensor, str]:
    """Return images in [0, 1] of the side of ImageNet's networks, and what they are."""
    n = sizes.photographs
    try:
        if not sizes.made_up:
            part = load_photographs().train
            return pixels(torch.from_numpy(part.read(np.arange(n) % len(part)))), "photographs"
    except DatasetError:
        pass  # a package that ships some of them is not installed
    generator = torch.Generator().manual_seed(0)
    scales = [torch.rand(n, 3, max(sizes.side // cut, 2), max(sizes.side // cut, 2), generator=generator) for cut in (32, 8, 2)]
    return torch.stack([_blurred(scale, sizes.side) for scale in scales]).mean(dim=0), "synthetic images"


def large_network(name: str, sizes: Sizes) -> nn.Module:
    """Return an untrained network of torchvision, or a small one of its kind."""
    torch.manual_seed(0)
    if name == "small_resnet":
        return torchvision.models.ResNet(torchvision.models.resnet.Bottleneck, [1, 1, 1, 1], num_classes=10).eval()
    if name == "small_vit":
        settings: dict[str, Any] = {"num_layers": 2, "num_heads": 2, "hidden_dim": 16, "mlp_dim": 32, "num_classes": 10}
        vit = torchvision.models.VisionTransformer(image_size=sizes.side, patch_size=16, **settings)
        nn.init.normal_(vit.heads.head.weight)
        return vit.eval()
    return getattr(torchvision.models, name)(weights=None).eval()


def architecture(sizes: Sizes) -> Architecture:
    """Return the ResNet18 of CIFAR's size."""
    return Architecture("resnet18", sizes.width, 3, CLASSES)


def keep_network(folder: Path, model: nn.Module, sizes: Sizes, recipe: str) -> None:
    """Store the trained network for the sections that follow."""
    save_model(folder / NETWORK, model, architecture(sizes), {"recipe": recipe})


def network(folder: Path, sizes: Sizes) -> tuple[nn.Module, str]:
    """Return the ResNet18 in eval mode, trained if the section before has made it, and which it is."""
    if (folder / NETWORK).is_file():
        return read_model(folder / NETWORK).eval(), "trained"
    return build_model(architecture(sizes), random_seed=0).eval(), "untrained"
