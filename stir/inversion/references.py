"""The reference images X as m1 represents them: checked once before the descent, and represented again when needed."""

import hashlib

import torch
from jaxtyping import Float, Int
from torch import Tensor

from stir.inversion.problem import check_targets
from stir.inversion.result import POOL
from stir.models.outputs import predicted_classes
from stir.representations import Representing
from stir.similarity.features import summarise
from stir.similarity.matrix_checks import constant_features
from stir.stored_images import Images


class References:
    """The reference images, with the little that is kept of each representation.

    Parameters
    ----------
    represent_batch : Representing
        m1.
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
    norms: Float[Tensor, " n"]
    """‖m1(X)‖₂."""
    classes: Int[Tensor, " n"]
    """Class that m1 predicts for X."""
    digest: str
    """sha256 of m1(X)."""

    def __init__(self, represent_batch: Representing, images: Images, batch_size: int) -> None:
        self.represent_batch, self.images = represent_batch, images
        digest, pool, norms, classes = hashlib.sha256(), [], [], []
        for start in range(0, len(images), batch_size):
            batch = images[start : start + batch_size]
            targets, output = represent_batch.with_output(batch)
            check_targets(targets, first=start)
            digest.update(targets.cpu().numpy().tobytes())
            pool.append(targets[: max(0, POOL - start)].clone())
            norms.append(targets.norm(dim=1))
            classes.append(predicted_classes(output, len(batch)).cpu())
        self.pool, self.norms, self.classes = torch.cat(pool), torch.cat(norms), torch.cat(classes)
        self.digest = digest.hexdigest()
        features = summarise(self.pool)
        if len(self.pool) > 1 and not features.differ:
            raise constant_features("m1(X)", len(self.pool), features.spread.max().item())

    def __len__(self) -> int:
        return len(self.images)

    def targets(self, index: Int[Tensor, " k"]) -> Float[Tensor, "k d"]:
        """Return m1 of some images."""
        if not len(index) or index.max() < len(self.pool):
            return self.pool[index.to(self.pool.device)]
        with torch.no_grad():
            return self.represent_batch(self.images[index.to(self.images.device)])
