"""The result for one pair of models: the score, its controls, and how well each image was inverted."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

from jaxtyping import Bool, Float, Int
from torch import Tensor

from stir.controls import ControlledScore, Interval
from stir.hdf5 import Labelled
from stir.inversion import Inversion
from stir.models.outputs import NO_CLASS
from stir.names import shortened
from stir.results import Result, damaged

if TYPE_CHECKING:
    import pandas as pd

INTERVAL = "interval"


@dataclass(frozen=True, eq=False, repr=False)
class SharedInvariance(Result):
    """The degree to which the target model shares the reference model's invariances.

    Examples
    --------
    >>> import torch, stir
    >>> from sklearn.datasets import load_digits
    >>> from stir.models import Architecture, build_model
    >>> images = torch.tensor(load_digits().images[:30, None] / 16).float()
    >>> first, second = (build_model(Architecture("resnet8", 8, 1, 10), random_seed=i).eval() for i in (0, 1))
    >>> result = stir.shared_invariance(reference_model=first, target_model=second, images=images, tolerance=0.1)
    >>> result.controls.interval.low < result.score < result.controls.interval.high
    True
    >>> result.iri_images.shape
    torch.Size([30, 1, 8, 8])
    >>> len(result.to_frame())
    30
    """

    UNITS: ClassVar[Mapping[str, str]] = {
        "per_image": "PNKA of m2(X) and m2(X')",
        "reference_class": "class that m1 predicts for X, -1 if none",
        "reference_class_of_iri": "class that m1 predicts for X', -1 if none",
        "target_class": "class that m2 predicts for X, -1 if none",
        "target_class_of_iri": "class that m2 predicts for X', -1 if none",
    }

    score: float
    """STIR(m2 | m1, X)."""
    similarity: float
    """Plain S_rep(m1(X), m2(X))."""
    controls: ControlledScore
    """The score beside what it is to be compared with: interval over images, ceiling, floors, null, noise, excess."""
    target_same_class_fraction: float
    """How often m2 predicts the same class for X and X'; NaN where it predicts none."""
    per_image: Float[Tensor, " n"]
    """PNKA of m2(X) and m2(X') of every image; NaN where it is undefined."""
    reference_class: Int[Tensor, " n"]
    """Class that m1 predicts for X; -1 where it predicts none."""
    reference_class_of_iri: Int[Tensor, " n"]
    """Class that m1 predicts for X'; -1 where it predicts none."""
    target_class: Int[Tensor, " n"]
    """Class that m2 predicts for X; -1 where it predicts none."""
    target_class_of_iri: Int[Tensor, " n"]
    """Class that m2 predicts for X'; -1 where it predicts none."""
    inversion: Inversion
    """X', seed images, and how well each image was inverted."""
    similarity_measure: str
    """Name of S_rep."""

    @property
    def iri_images(self) -> Float[Tensor, "n ..."]:
        """X'. With a snapshot it is stored on disk, and its slices are tensors."""
        return self.inversion.iri_images

    @property
    def seed_images(self) -> Float[Tensor, "n ..."]:
        """Starting points of the inversion. With a snapshot they are made on demand, and slices are tensors."""
        return self.inversion.seed_images

    @property
    def inversion_error(self) -> Float[Tensor, " n"]:
        """‖m1(X')−m1(X)‖₂ / ‖m1(X)‖₂, per image."""
        return self.inversion.inversion_error

    @property
    def converged(self) -> Bool[Tensor, " n"]:
        """Whether each image reached the tolerance."""
        return self.inversion.converged

    @property
    def converged_fraction(self) -> float:
        """Fraction of the images that reached the tolerance."""
        return self.inversion.converged_fraction

    @property
    def correlation(self) -> Float[Tensor, " n"]:
        """Pearson correlation of m1(X') with m1(X), per image."""
        return self.inversion.correlation

    @property
    def null_correlation(self) -> Float[Tensor, " n"]:
        """Correlation of m1(X') with m1 of a random other image, per image."""
        return self.inversion.null_correlation

    @property
    def same_class(self) -> Bool[Tensor, " n"] | None:
        """Whether m1 predicts the same class for X' and X; None if it predicts none."""
        return self.inversion.same_class

    def to_frame(self) -> "pd.DataFrame":
        """Return a table with a row per image: shared invariance, predicted classes, and columns of the inversion."""
        import pandas as pd

        own = super().to_frame().rename(columns={"per_image": "shared_invariance"})
        return pd.concat([own, self.inversion.to_frame()], axis=1)

    def arrays(self) -> dict[str, Labelled]:
        """Return every tensor as files store it, those of the inversion as in files of inversions."""
        return self.inversion.arrays() | super().arrays()

    def values(self) -> dict[str, Any]:
        """Return everything that is no array, as JSON can hold it."""
        return super().values() | {"controls": asdict(self.controls), "inversion": self.inversion.values()}

    @classmethod
    def from_file(cls, path: Path, values: Mapping[str, Any], folder: str = "") -> Self:
        """Read a file, which is not trusted, as `Result.from_file` does."""
        nested = {name: values.get(name) for name in ("controls", "inversion")}
        if wrong := [name for name, value in nested.items() if not isinstance(value, Mapping)]:
            raise damaged(path, f"expected values of {wrong[0]}; got {shortened(nested[wrong[0]])}")
        inversion = Inversion.from_file(path, values["inversion"], folder)
        result = super().from_file(
            path, {**values, "controls": _controls(path, values["controls"]), "inversion": inversion}, folder
        )
        if len(result.per_image) != len(inversion.inversion_error):
            raise damaged(path, f"expected one row per image; got {len(result.per_image)} scores of images")
        return result

    def __repr__(self) -> str:
        n, *shape = self.iri_images.shape
        controls, interval = self.controls, self.controls.interval
        between = "" if interval is None else f", 95% interval over images {interval[0]:.3f} to {interval[1]:.3f}"
        same = self.target_same_class_fraction
        predicted = "" if same != same else f"\n  classes of m2     the same for X and X' for {same:.0%} of the images"
        return (
            f"SharedInvariance of {n} images ({' x '.join(map(str, shape))}) by {self.similarity_measure}\n"
            f"  STIR(m2 | m1)     {self.score:.3f}{between}\n"
            f"  S_rep(m1, m2)     {self.similarity:.3f}, plain similarity\n"
            f"  compare with      ceiling {controls.ceiling:.3f}, noise {controls.noise:.3f}, "
            f"seed images {controls.seed_floor:.3f}, shuffled images {controls.null_p95:.3f} (p = {controls.null_p_value:.2g})\n"
            f"  excess            {controls.excess:.3f}: (STIR - noise) / (ceiling - noise)"
            f"{predicted}\n"
            f"  inversion         {self.converged_fraction:.0%} converged at tolerance {self.inversion.tolerance:g}, "
            f"median error {self.inversion_error.median():.3g}, by {self.inversion.method}"
        )

    def _repr_html_(self) -> str:
        from stir.plotting.notebooks import html_of

        return html_of(self)


def _controls(path: Path, values: Mapping[str, Any]) -> ControlledScore:
    """Return the controls that a file names, if each is a number or, of the interval, two or none."""
    given, interval = dict(values), values.get(INTERVAL)
    ends = interval if isinstance(interval, list) else []
    numbers = [*ends, *(given.get(field.name) for field in fields(ControlledScore) if field.type in (float, int))]
    if len(ends) not in (0, 2) or not all(isinstance(number, int | float) for number in numbers):
        raise damaged(path, f"expected numbers as controls; got {shortened(values)}")
    known = {field.name for field in fields(ControlledScore)}
    if known != given.keys() or not isinstance(given["similarity_measure"], str):
        raise damaged(path, f"expected the controls {', '.join(sorted(known))}; got {shortened(sorted(given))}")
    return ControlledScore(**given | {INTERVAL: Interval(*ends) if ends else None})


def same_class_fraction(classes: Int[Tensor, " n"], other: Int[Tensor, " n"]) -> float:
    """Return how often two predictions agree; NaN where there is no prediction for an image."""
    if bool((classes == NO_CLASS).any() | (other == NO_CLASS).any()):
        return float("nan")
    return (classes == other).double().mean().item()
