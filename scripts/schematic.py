"""Draw docs/method/schematic.png: images of two pixels, a reference model, and target models that share its invariance or not.

``python -m scripts.schematic``. Both pixels of an image are nearly equal, so plain CKA is high for either target model.
"""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from torch import Tensor, nn

import stir

PICTURE = Path(__file__).resolve().parent.parent / "docs" / "method" / "schematic.png"
N_IMAGES, SPREAD = 200, 0.03
SHOWN = [2, 4, 6, 7]
"""Images that are drawn with their seed image and IRI."""
REFERENCE_COLOUR, TARGET_COLOUR = "tab:blue", "tab:orange"


class Angle(nn.Module):
    """A network whose representation depends on one angle, and that mostly on one of two pixels."""

    def __init__(self, pixel: int) -> None:
        super().__init__()
        self.pixel = pixel

    def angle(self, images: Tensor) -> Tensor:
        """Return all that is left of each image."""
        return 1.4 * (images[:, self.pixel] + 0.1 * torch.sin(4 * images[:, 1 - self.pixel]))

    def forward(self, images: Tensor) -> Tensor:
        """Represent images of shape (n, 2)."""
        angle = self.angle(images)
        return torch.stack([f(k * angle) for k in (1, 2) for f in (torch.cos, torch.sin)], dim=1)


def draw_images() -> Tensor:
    """Return images whose two pixels are nearly alike."""
    generator = torch.Generator().manual_seed(0)
    grey = torch.rand(N_IMAGES, 1, generator=generator) * 0.8 + 0.1
    return grey + SPREAD * torch.randn(N_IMAGES, 2, generator=generator).clamp(-3, 3)


def results() -> dict[str, stir.SharedInvariance]:
    """Return the results of both target models: one that reads the pixel of the reference, and one that reads the other."""
    targets = {"m2 shares m1's invariance": Angle(0), "m2 does not": Angle(1)}
    settings = {"layer": "output", "seed_images": "uniform_noise", "tolerance": 0.01}
    return {
        name: stir.shared_invariance(reference_model=Angle(0), target_model=target, images=draw_images(), **settings)
        for name, target in targets.items()
    }


def draw() -> None:
    """Draw both cases."""
    figure, panels = plt.subplots(1, 2, figsize=(8, 4.4), sharey=True, layout="constrained")
    for axes, target, (name, result) in zip(panels, (Angle(0), Angle(1)), results().items(), strict=True):
        _contours(axes, target, color=TARGET_COLOUR, linestyle="dashed", linewidth=2.5)
        _contours(axes, Angle(0), color=REFERENCE_COLOUR, linestyle="solid", linewidth=0.9)
        _images(axes, result)
        axes.set_title(f"{name}\nplain CKA {result.similarity:.2f}, STIR {result.score:.2f}")
        axes.set(xlabel="pixel 1", xlim=(0, 1), ylim=(0, 1), aspect="equal")
    panels[0].set_ylabel("pixel 2")
    _legend(panels[0])
    figure.legend(loc="outside lower center", ncols=3, frameon=False)
    PICTURE.parent.mkdir(exist_ok=True)
    figure.savefig(PICTURE, dpi=120, metadata={"Software": None})


def _contours(axes: Axes, model: Angle, *, color: str, linestyle: str, linewidth: float) -> None:
    """Draw all that a model represents as it represents the shown images: a line through each."""
    first, second = np.meshgrid(np.linspace(0, 1, 100), np.linspace(0, 1, 100))
    angles = model.angle(torch.from_numpy(np.stack([first.ravel(), second.ravel()], axis=1))).reshape(first.shape).numpy()
    levels = sorted(model.angle(draw_images()[SHOWN]).tolist())
    axes.contour(first, second, angles, levels=levels, colors=color, linestyles=linestyle, linewidths=linewidth)


def _images(axes: Axes, result: stir.SharedInvariance) -> None:
    x, seeds, found = draw_images(), result.inversion.seed_images, result.inversion.iri_images
    axes.plot(*x.T, ".", color="0.75", markersize=3)
    for number in SHOWN:
        axes.annotate("", found[number], seeds[number], arrowprops={"arrowstyle": "->", "color": "0.4"})
    axes.plot(*x[SHOWN].T, "o", color="black")
    axes.plot(*seeds[SHOWN].T, "o", markerfacecolor="white", markeredgecolor="0.4")
    axes.plot(*found[SHOWN].T, "s", color="tab:red")


def _legend(axes: Axes) -> None:
    axes.plot([], [], color=REFERENCE_COLOUR, label="the same as x to m1")
    axes.plot([], [], color=TARGET_COLOUR, linestyle="dashed", linewidth=2.5, label="the same as x to m2")
    axes.plot([], [], ".", color="0.75", label="all images")
    axes.plot([], [], "o", color="black", label="x")
    axes.plot([], [], "o", markerfacecolor="white", markeredgecolor="0.4", label="seed image")
    axes.plot([], [], "s", color="tab:red", label="x': IRI of x")


if __name__ == "__main__":
    draw()
    for name, result in results().items():
        print(f"{name}: plain CKA {result.similarity:.2f}, STIR {result.score:.2f}")
