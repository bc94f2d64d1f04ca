"""The reference images X as m1 represents them: checked once before the descent, and represented again when needed."""

import hashlib
from functools import partial

import torch
from jaxtyping import Float, Int
from torch import Tensor

from stir.inversion.ensemble import Ensemble, of_each
from stir.inversion.problem import blocks, check_targets
from stir.inversion.result import POOL, classes_of_each
from stir.similarity.features import summarise
from stir.similarity.matrix_checks import constant_features
from stir.stored_images import Images


class References:
    """The reference images, with the little that is kept of each representation.

    Parameters
    ----------
    represent_batch : Ensemble
        m1, or several models.
    images : Float[Tensor, "n ..."] or StoredImages
        X.
    batch_size : int
        Images represented at once.

    Raises
    ------
    InversionError
        If one of them cannot be matched.
    ConstantFeaturesError
        If the first of them are all represented alike, so that everything matches.
    """

    pool: Float[Tensor, "k d"]
    """m1 of the first images, at most `POOL`."""
    norms: Float[Tensor, "n k"]
    """‖m1(X)‖₂ of each model."""
    classes: Int[Tensor, "n k"]
    """Class that each model predicts for X."""
    digest: str
    """sha256 of m1(X)."""

    def __init__(self, represent_batch: Ensemble, images: Images, batch_size: int) -> None:
        self.represent_batch, self.images = represent_batch, images
        digest, pool, norms, classes = hashlib.sha256(), [], [], []
        for start in range(0, len(images), batch_size):
            batch = images[start : start + batch_size]
            targets, outputs = represent_batch.with_output(batch)
            parts = blocks(targets, represent_batch.widths)
            of_each(partial(check_targets, first=start), parts)
            digest.update(targets.cpu().numpy().tobytes())
            pool.append(targets[: max(0, POOL - start)].clone())
            norms.append(torch.stack([part.norm(dim=1) for part in parts], dim=1))
            classes.append(classes_of_each(outputs, len(batch)))
        self.widths = represent_batch.widths
        self.pool, self.norms, self.classes = torch.cat(pool), torch.cat(norms), torch.cat(classes)
        self.digest = digest.hexdigest()
        of_each(_check_differ, blocks(self.pool, self.widths))

    def __len__(self) -> int:
        return len(self.images)

    def targets(self, index: Int[Tensor, " k"]) -> Float[Tensor, "k d"]:
        """Return m1 of some images."""
        if not len(index) or index.max() < len(self.pool):
            return self.pool[index.to(self.pool.device)]
        with torch.no_grad():
            return self.represent_batch(self.images[index.to(self.images.device)])


def _check_differ(representations: Float[Tensor, "k d"]) -> None:
    features = summarise(representations)
    if len(representations) > 1 and not features.differ:
        raise constant_features("m1(X)", len(representations), features.spread.max().item())
