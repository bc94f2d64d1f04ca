"""The proof of a match, per image: error, correlation against a null of random pairs, predicted class."""

from dataclasses import dataclass, fields

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from stir.inversion.problem import relative_errors
from stir.representations import Representing
from stir.seed_images import PARTNER_STREAM, random_stream

POOL = 256
NO_CLASS = -1


@dataclass
class Matches:
    """How well pictures match their reference images, one entry an image."""

    inversion_error: Float[Tensor, " n"]
    """‖m1(X')−m1(X)‖₂ / ‖m1(X)‖₂."""
    correlation: Float[Tensor, " n"]
    """Pearson correlation of m1(X') with m1(X) over features."""
    null_correlation: Float[Tensor, " n"]
    """The same with m1 of another reference image, drawn at random."""
    predicted_class: Int[Tensor, " n"]
    """What m1 takes X' for; -1 where its output is not (n, classes)."""

    def put(self, index: Tensor, others: "Matches") -> None:
        """Overwrite some images' entries."""
        for field in fields(self):
            mine = getattr(self, field.name)
            mine[index] = getattr(others, field.name).to(mine)

    @classmethod
    def unknown(cls, n: int, like: Tensor) -> "Matches":
        """Return entries for images that were not looked at."""
        nan = torch.full((n,), torch.nan, dtype=like.dtype, device="cpu")
        return cls(nan.clone(), nan.clone(), nan.clone(), torch.full((n,), NO_CLASS, dtype=torch.long, device="cpu"))


def match(
    represent_batch: Representing, images: Tensor, targets: Float[Tensor, "k d"], partners: Float[Tensor, "k d"]
) -> Matches:
    """Measure the match of pictures by the model as given.

    Parameters
    ----------
    represent_batch : Representing
        m1.
    images : Tensor
        X'.
    targets : Float[Tensor, "k d"]
        m1(X).
    partners : Float[Tensor, "k d"]
        m1 of other reference images.
    """
    representations, output = represent_batch.with_output(images)
    return Matches(
        relative_errors(representations, targets),
        correlations(representations, targets),
        correlations(representations, partners),
        predicted_classes(output, len(images)),
    )


def correlations(x: Float[Tensor, "n d"], y: Float[Tensor, "n d"]) -> Float[Tensor, " n"]:
    """Return the Pearson correlation of each row of x with that of y; NaN for a constant row."""
    x, y = (z - z.mean(dim=1, keepdim=True) for z in (x.double(), y.double()))
    return ((x * y).sum(dim=1) / (x.norm(dim=1) * y.norm(dim=1))).float()


def predicted_classes(output: object, n: int) -> Int[Tensor, " n"]:
    """Return the largest logits' numbers, or -1 where the output is no matrix of logits."""
    if isinstance(output, Tensor) and n == 1 and output.ndim == 1:  # `squeeze` also removes the dimension of a single image
        output = output[None]
    if isinstance(output, Tensor) and output.ndim == 2 and len(output) == n and output.shape[1] > 1:
        return output.argmax(dim=1)
    return torch.full((n,), NO_CLASS, dtype=torch.long, device="cpu")


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
