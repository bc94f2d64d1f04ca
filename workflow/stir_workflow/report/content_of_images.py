"""What a report shows of single images, as plain values."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Image:
    """One picture, encoded once in the page; everything else names it by its key in `Report.images`."""

    media_type: str
    """``image/png``, ``image/webp`` or ``image/jpeg``."""
    data: bytes
    width: int
    height: int


@dataclass(frozen=True)
class Picture:
    """One reference image, where its inversion began, and the IRI; keys of `Report.images`, None where left out."""

    index: int
    """Number in the test set."""
    class_name: str
    reference: str | None
    seed: str | None
    iri: str | None
    error: float | None = None
    converged: bool | None = None
    matched: bool | None = None
    """False if m1(X') correlates with m1(X) no better than with another image; None where that is not known."""


@dataclass(frozen=True)
class Gallery:
    """IRIs of one reference model at one layer from one random seed."""

    model: str
    layer: str
    """Of `Report.layers`."""
    images_dataset: str
    random_seed: int
    method: str
    seed_images: str
    """Kind of seed image."""
    tolerance: float | None
    n_images: int
    """How many were inverted; ``items`` are the first of them, and those of agreements."""
    converged_fraction: float | None = None
    error_median: float | None = None
    seed_error_median: float | None = None
    iterations_median: float | None = None
    curve: list[tuple[int, float]] | None = None
    """Evaluations, and the median inversion error after them; None where none was stored."""
    converged_curve: list[tuple[int, float]] | None = None
    """Evaluations, and the fraction of images that had stopped by then; of the numbers of evaluations per image."""
    errors: list[float] = field(default_factory=list)
    """Inversion errors at the quantiles 0, 0.1, ..., 1."""
    flags: list[str] = field(default_factory=list)
    items: list[Picture] = field(default_factory=list)


@dataclass(frozen=True)
class AgreementImage:
    """One image of a pair: score and predicted classes, by name; None where no class was stored."""

    index: int
    """Number in the test set."""
    class_name: str
    score: float
    """Pointwise: PNKA of m2(X) and m2(X')."""
    reference_class: str | None = None
    """Class that m1 predicts for X."""
    reference_class_iri: str | None = None
    """Class that m1 predicts for X'."""
    target_class: str | None = None
    target_class_iri: str | None = None
    error: float | None = None
    converged: bool | None = None
    reference: str | None = None
    """Keys of `Report.images`."""
    seed: str | None = None
    iri: str | None = None


@dataclass(frozen=True)
class Agreement:
    """Images on which the target model agrees most and least with the reference model, best and worst first."""

    reference_model: str
    target_model: str
    layer: str
    images_dataset: str
    random_seed: int
    most: list[AgreementImage] = field(default_factory=list)
    least: list[AgreementImage] = field(default_factory=list)
    median: float | None = None
    """Of the scores of all images."""
