"""What becomes of networks of many libraries: ``python -m benchmarks.any_model > docs/any_model.md``.

Random weights, three images of random pixels, three iterations, the penultimate layer unless another is named. A row that
fails says so, and the others follow.
"""

import argparse
import re
import signal
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor

from stir.inversion import invert
from stir.inversion.problem import InversionProblem
from stir.layers import LayerSpec
from stir.models import Architecture, build_model
from stir.provenance import package_versions
from stir.representations import represent
from stir.score import score

N_IMAGES, ITERATIONS, PATIENCE = 3, 3, 300
OWN_FILE = """
from torch import nn

class Branching(nn.Module):
    def __init__(self):
        super().__init__()
        self.part = nn.Sequential(nn.Conv2d(8, 8, 3), nn.BatchNorm2d(8), nn.ReLU())

    def forward(self, x):
        return self.part(x) if x.isfinite().all() else x

def make_net():
    first = [nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), Branching()]
    return nn.Sequential(*first, nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(32, 10))
"""


@dataclass(frozen=True)
class Case:
    """A network, and how it is asked for."""

    address: str
    size: int = 64
    layer: LayerSpec = field(default_factory=LayerSpec)
    arguments: dict[str, Any] = field(default_factory=dict)
    of_architecture: dict[str, Any] = field(default_factory=dict)


def _sized(prefix: str, size: int, *names: str, argument: str | None = None, **keywords: Any) -> list[Case]:
    arguments = {} if argument is None else {argument: size}
    of_architecture = {"resize": (size, size)} | keywords
    return [Case(f"{prefix}:{name}", size, arguments=arguments, of_architecture=of_architecture) for name in names]


SMALL = {"image_size": 32, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
STAGES = {"hidden_sizes": [8, 16, 16, 16], "depths": [1, 1, 1, 1]}
TRANSFORMERS = {
    "ViTForImageClassification": SMALL | {"patch_size": 8},
    "DeiTForImageClassification": SMALL | {"patch_size": 8},
    "BeitForImageClassification": SMALL | {"patch_size": 8},
    "Dinov2ForImageClassification": {name: SMALL[name] for name in list(SMALL)[:4]} | {"patch_size": 8},
    "CLIPVisionModel": SMALL | {"patch_size": 8},
    "ResNetForImageClassification": STAGES | {"embedding_size": 8},
    "RegNetForImageClassification": STAGES | {"embedding_size": 8, "groups_width": 8},
    "ConvNextForImageClassification": STAGES,
    "SwinForImageClassification": {
        **{"image_size": 32, "patch_size": 2, "embed_dim": 8},
        **{"depths": [1, 1], "num_heads": [2, 2], "window_size": 4},
    },
    "MobileNetV2ForImageClassification": {"image_size": 32},
}
LIBRARIES: list[Case] = [
    *(Case(f"stir:{name}", 32, of_architecture={"width": 8, "classes": 10}) for name in ("resnet18", "resnet50")),
    Case("models.py:make_net", 32),
    *(Case(f"transformers:{name}", 32, arguments=arguments) for name, arguments in TRANSFORMERS.items()),
    *_sized("timm", 32, "resnet18", "resnetv2_50", "regnetx_002", "efficientnet_b0", "efficientnet_lite0", "ghostnet_100"),
    *_sized("timm", 32, "mobilenetv3_small_100", "convnext_atto", "edgenext_xx_small", "poolformer_s12", "nfnet_l0"),
    *_sized("timm", 32, "vit_tiny_patch16_224", "deit_tiny_patch16_224", argument="img_size"),
    *_sized("timm", 64, "mobilevit_xxs"),
    *_sized("timm", 64, "mixer_s32_224", argument="img_size"),
    *_sized("timm", 28, "vit_small_patch14_reg4_dinov2", argument="img_size"),
    *_sized("torchvision", 32, "resnet18", "resnet50", "densenet121", "mobilenet_v3_small", "efficientnet_b0", "mnasnet0_5"),
    *_sized("torchvision", 32, "shufflenet_v2_x0_5", "regnet_y_400mf", "convnext_tiny", "swin_t"),
    *_sized("torchvision", 64, "googlenet"),
    *_sized("torchvision", 64, "vit_b_32", argument="image_size"),
    *_sized("efficientnet_lite", 32, "efficientnet_lite0", "efficientnet_lite1"),
    *(
        Case(f"robustbench:{name}", 32, arguments={"threat_model": "Linf"})
        for name in ("Wong2020Fast", "Engstrom2019Robustness", "Carmon2019Unlabeled")
    ),
    *_sized("timm", 224, "levit_128s", "swin_tiny_patch4_window7_224"),
    *(Case(f"open_clip:{name}", 224, LayerSpec("output")) for name in ("ViT-B-32", "RN50")),
]


@contextmanager
def _at_most(seconds: int) -> Iterator[None]:
    def late(*_: Any) -> None:
        raise TimeoutError(f"took over {seconds} s")

    signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)


@contextmanager
def _timed() -> Iterator[list[float]]:
    """Give a list that fills with the seconds of evaluations of all images."""
    evaluate, taken = InversionProblem.errors_and_gradients, []

    def timed(problem: InversionProblem, images: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        began = time.perf_counter()
        found = evaluate(problem, images, targets)
        taken.append(time.perf_counter() - began)
        return found

    with patch.object(InversionProblem, "errors_and_gradients", timed):
        yield taken


def row(case: Case, folder: Path) -> list[str]:
    """Return the cells of one network."""
    cells = [case.address.removeprefix(f"{folder}/")]
    try:
        with _at_most(PATIENCE):
            architecture = Architecture(case.address, arguments=case.arguments, folder=folder, **case.of_architecture)
            model = build_model(architecture).eval()
            images = torch.rand(N_IMAGES, 3, case.size, case.size, generator=torch.Generator().manual_seed(0))
            representations = represent(model, images, layer=case.layer)
            cells.append(" x ".join(map(str, representations.shape[1:])))
            with _timed() as seconds:
                found = invert(model, images, layer=case.layer, random_seed=0, tolerance=1e-6, max_iterations=ITERATIONS)
            cells.append(f"{found.seed_error.median():.2g} to {found.inversion_error.median():.2g}")
            of_iri = represent(model, found.iri_images, layer=case.layer)
            roles = {"reference_of_reference": representations, "target_of_reference": representations}
            cells.append(f"{score(**roles, target_of_iri=of_iri).stir:.2f}")
            cells.append(f"{min(seconds):.3f}")
            cells.append(found.forward_pass)
    except Exception as error:  # the table is of what happens
        text = f"{type(error).__name__}: {error}".split("\n")[0]
        cells = [*cells, *["-"] * (5 - len(cells)), re.sub(r"/\S*/", "", text)[:200]]
    return cells


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("only", nargs="*", help="Parts of addresses; all by default.")
    only = parser.parse_args().only
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    cases = [case for case in LIBRARIES if not only or any(part in case.address for part in only)]
    versions = ", ".join(f"{name} {version}" for name, version in package_versions().items())
    print("# Networks of many libraries\n")
    print(f"`python -m benchmarks.any_model` ({versions}): random weights, {N_IMAGES} images of random pixels,")
    print(
        f"{ITERATIONS} iterations, so that inversions are not finished: errors fall, which is all that is asked here. Seconds are"
    )
    print("those of one evaluation (forward and backward pass of all images, float32) on one core that had other work.\n")
    print("| network | features | error, from and to | STIR of itself | seconds | forward pass of the descent |")
    print("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "models.py").write_text(OWN_FILE, encoding="utf-8")
        for case in cases:
            print(f"| {' | '.join(cell.replace('|', '/') for cell in row(case, folder))} |", flush=True)


if __name__ == "__main__":
    main()
