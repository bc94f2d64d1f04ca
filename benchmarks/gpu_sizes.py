"""How much of everything `gpu.py` computes: in full, and for a rehearsal on a CPU."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Sizes:
    """Numbers of images, steps and so on."""

    width: int = 64
    images: int = 1000
    steps: int = 1000
    networks: tuple[str, ...] = ("resnet50", "vit_b_16")
    photographs: int = 64
    side: int = 224
    most_evaluations: int = 150
    parity_images: int = 32
    training_images: int = 50_000
    epochs: int = 2
    training_batch: int = 256
    attack_steps: int = 7
    represented: int = 10_000
    batch_sizes: tuple[int, ...] = (64, 256, 1000)
    matrix: int = 8192
    repeats: int = 10
    compiler: str = "inductor"
    made_up: bool = False
    """Whether only synthetic images are used."""


FULL = Sizes()
TINY = Sizes(
    **{"width": 4, "images": 6, "steps": 5, "networks": ("small_resnet", "small_vit"), "photographs": 2, "side": 32},
    **{"most_evaluations": 4, "parity_images": 4, "training_images": 32, "epochs": 1, "training_batch": 16, "attack_steps": 1},
    **{"represented": 32, "batch_sizes": (2,), "matrix": 64, "repeats": 1, "compiler": "aot_eager", "made_up": True},
)
"""For a rehearsal: every line runs, and no number means anything."""
