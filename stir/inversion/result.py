"""The result of an inversion: pictures, and how well each matches.

A match is shown per image by its error, by its correlation against a null of random pairs, and by the predicted class.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from stir.inversion.ensemble import Ensemble
from stir.inversion.problem import blocks, member_errors
from stir.models.outputs import NO_CLASS, predicted_classes
from stir.results import Result
from stir.seed_images import PARTNER_STREAM, random_stream

POOL = 256


@dataclass(frozen=True, eq=False, repr=False)
class Inversion(Result):
    """IRIs and how well each matches; row i belongs to reference image i.

    Of an ensemble, each number is that of the model that matches worst: the largest errors, the smallest correlation and the
    largest null correlation, and whether every model predicts the same class.

    Examples
    --------
    >>> import torch, stir
    >>> from sklearn.datasets import load_digits
    >>> from stir.models import Architecture, build_model
    >>> images = torch.tensor(load_digits().images[:8, None] / 16).float()
    >>> model = build_model(Architecture("resnet8", 8, 1, 10)).eval()
    >>> inversion = stir.invert(model, images, random_seed=0, tolerance=0.1)
    >>> inversion.converged.float().mean().item()
    1.0
    >>> inversion.save("iris.h5").name
    'iris.h5'
    >>> stir.load("iris.h5") == inversion
    True
    """

    UNITS: ClassVar[Mapping[str, str]] = {
        "iri_images": "pixel value in [0, 1]",
        "seed_images": "pixel value in [0, 1]",
        "seed_error": "‖m1(X')−m1(X)‖₂ / ‖m1(X)‖₂",
        "inversion_error": "‖m1(X')−m1(X)‖₂ / ‖m1(X)‖₂",
        "pairwise_inversion_error": "‖m1(X')−m1(X)‖₂ / median distance of image pairs",
        "correlation": "Pearson correlation of m1(X') with m1(X)",
        "null_correlation": "the same with m1 of a random other image",
        "same_class": "1 if m1 predicts the same class, 0 if not, -1 if none",
        "converged": "whether inversion_error <= tolerance",
        "iterations": "forward and backward passes",
        "error_curve": "‖m1(X')−m1(X)‖₂ / ‖m1(X)‖₂",
    }
    ANSWERS: ClassVar[frozenset[str]] = frozenset({"same_class"})
    LATER: ClassVar[frozenset[str]] = frozenset({"error_curve", "curve_evaluations"})

    iri_images: Float[Tensor, "n ..."]
    """X', the best iterates. Of an inversion with a snapshot, on disk: slices of it are tensors."""
    seed_images: Float[Tensor, "n ..."]
    """Where the descents began. Of an inversion with a snapshot, made when asked for: slices of it are tensors."""
    seed_error: Float[Tensor, " n"]
    """Inversion error of the seed images."""
    inversion_error: Float[Tensor, " n"]
    """‖m1(X')−m1(X)‖₂ / ‖m1(X)‖₂, from a forward pass over the returned images."""
    pairwise_inversion_error: Float[Tensor, " n"]
    """‖m1(X')−m1(X)‖₂ over the median distance between representations of pairs of the first 256 images."""
    converged: Bool[Tensor, " n"]
    """Whether ``inversion_error`` is at or under the tolerance."""
    correlation: Float[Tensor, " n"]
    """Pearson correlation of m1(X') with m1(X)."""
    null_correlation: Float[Tensor, " n"]
    """Correlation of m1(X') with m1 of a random other reference image."""
    same_class: Bool[Tensor, " n"] | None
    """Whether m1 predicts the same class for X' and X; None if it predicts none."""
    iterations: Int[Tensor, " n"]
    """Forward and backward passes made for each image."""
    method: str
    """Name of the descent."""
    tolerance: float
    """Inversion error at or under which an image counts as converged."""
    precision_used: str = "float32"
    """Precision that descents began in, ``"float32"`` (the model's own type) or ``"bfloat16"``; errors are the model's own."""
    forward_pass: str = "as given"
    """What descents were made with: what of the model was traced and folded, or why the model was used as given."""
    error_curve: Float[Tensor, "n k"] | None = None
    """Best error so far per image after `curve_evaluations`, the last of them `inversion_error`; None in files of earlier
    versions. As the descent sees it: of a rounded forward pass until the exact one takes over, and of an ensemble √Σe²."""
    curve_evaluations: list[int] = field(default_factory=list)
    """Numbers of evaluations at which `error_curve` was taken, as far as any image went."""

    @property
    def converged_fraction(self) -> float:
        """Fraction of the images that reached the tolerance."""
        return self.converged.float().mean().item()

    def __repr__(self) -> str:
        n, *shape = self.iri_images.shape
        error, null, before = self.inversion_error, self.null_correlation, self.seed_error.median()
        same = "" if self.same_class is None else f", same class for {self.same_class.float().mean():.0%}"
        return (
            f"Inversion of {n} images ({' x '.join(map(str, shape))}) by {self.method}, descent in {self.precision_used}\n"
            f"  converged         {self.converged_fraction:.0%} at tolerance {self.tolerance:g}\n"
            f"  inversion error   median {error.median():.3g}, largest {error.max():.3g} (seed images {before:.2g})\n"
            f"  correlation       median {self.correlation.median():.3f} (other images: {null.median():.3f}){same}\n"
            f"  evaluations       median {self.iterations.median()}, largest {self.iterations.max()}"
        )

    def _repr_html_(self) -> str:
        from stir.plotting.notebooks import html_of

        return html_of(self)


@dataclass
class Matches:
    """How well pictures match their reference images, one entry per image."""

    inversion_errors: Float[Tensor, "n k"]
    """‖m1(X')−m1(X)‖₂ / ‖m1(X)‖₂ of each model."""
    correlation: Float[Tensor, " n"]
    """Pearson correlation of m1(X') with m1(X) over features, the smallest of the models'."""
    null_correlation: Float[Tensor, " n"]
    """The same with m1 of another reference image, drawn at random, the largest of the models'."""
    predicted_class: Int[Tensor, "n k"]
    """Class that each model predicts for X'; -1 where its output is not (n, classes)."""

    @property
    def inversion_error(self) -> Float[Tensor, " n"]:
        """The largest of the models' errors."""
        return self.inversion_errors.amax(dim=1)

    def put(self, index: Tensor, others: "Matches") -> None:
        """Overwrite some images' entries."""
        for name, mine in vars(self).items():
            mine[index] = getattr(others, name).to(mine)

    @classmethod
    def unknown(cls, n: int, n_models: int, like: Tensor) -> "Matches":
        """Return entries for images that were not looked at."""
        nan = torch.full((n, n_models), torch.nan, dtype=like.dtype, device="cpu")
        classes = torch.full((n, n_models), NO_CLASS, dtype=torch.long, device="cpu")
        return cls(nan, nan[:, 0].clone(), nan[:, 0].clone(), classes)


def match(represent_batch: Ensemble, images: Tensor, targets: Float[Tensor, "k d"], partners: Float[Tensor, "k d"]) -> Matches:
    """Measure the match of pictures by the model, or the models, as given.

    Parameters
    ----------
    represent_batch : Ensemble
        m1.
    images : Tensor
        X'.
    targets : Float[Tensor, "k d"]
        m1(X).
    partners : Float[Tensor, "k d"]
        m1 of other reference images.
    """
    representations, outputs = represent_batch.with_output(images)
    found, own, others = (blocks(x, represent_batch.widths) for x in (representations, targets, partners))
    return Matches(
        member_errors(representations, targets, represent_batch.widths),
        torch.stack(list(map(correlations, found, own))).amin(dim=0),
        torch.stack(list(map(correlations, found, others))).amax(dim=0),
        classes_of_each(outputs, len(images)),
    )


def correlations(x: Float[Tensor, "n d"], y: Float[Tensor, "n d"]) -> Float[Tensor, " n"]:
    """Return the Pearson correlation of each row of x with that of y; NaN for a constant row."""
    x, y = (z - z.mean(dim=1, keepdim=True) for z in (x.double(), y.double()))
    return ((x * y).sum(dim=1) / (x.norm(dim=1) * y.norm(dim=1))).float()


def classes_of_each(outputs: Sequence[object], n: int) -> Int[Tensor, "n k"]:
    """Return the classes that each model predicts, as `predicted_classes` does for one."""
    return torch.stack([predicted_classes(output, n).cpu() for output in outputs], dim=1)


def draw_partners(n: int, random_seed: int) -> Int[Tensor, " n"]:
    """Draw for every image the number of another image among the first `POOL`; itself if it is alone."""
    size, own = min(n, POOL), np.arange(n)
    draws = random_stream(random_seed, PARTNER_STREAM).random(n)
    within = own < size
    steps = 1 + (draws * max(size - 1, 0)).astype(int)
    return torch.from_numpy(np.where(within, (own + steps) % size, (draws * size).astype(int)))


def median_pair_distance(representations: Float[Tensor, "n d"]) -> float:
    """Return the median distance between representations of pairs of different images.

    It is the yardstick beside the relative error: a large offset that all
    representations share makes ‖m1(X)‖₂ large and the relative error small, and
    leaves this distance as it is. NaN for a single image, which has no pair.
    """
    distances = torch.pdist(representations.double())
    return distances.median().item() if len(distances) else float("nan")
