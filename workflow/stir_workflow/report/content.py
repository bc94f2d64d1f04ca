"""What a report shows, as plain values: no file is read here, and nothing heavy is imported.

`gathering` fills these from artifacts and tables, `page` renders them. A number that is not known is None, never NaN.
"""

from dataclasses import dataclass, field

from stir_workflow.report.content_of_images import Agreement as Agreement
from stir_workflow.report.content_of_images import AgreementImage as AgreementImage
from stir_workflow.report.content_of_images import Gallery as Gallery
from stir_workflow.report.content_of_images import Image as Image
from stir_workflow.report.content_of_images import Picture as Picture

HOLDS, FAILS, UNDECIDED, NOTE = "holds", "fails", "undecided", "note"
STATES = (HOLDS, FAILS, UNDECIDED, NOTE)
"""What a finding is: decided by an interval, not decided, or a remark that explains how to read the others."""


@dataclass(frozen=True)
class Finding:
    """One computed sentence."""

    text: str
    state: str
    """Of `STATES`."""
    source: str = ""
    """Table that has the numbers, such as ``quickstart-verdicts.csv``."""


@dataclass(frozen=True)
class LearningCurve:
    """Measurements after every epoch, each as long as training took; empty where nothing was measured."""

    training_loss: list[float] = field(default_factory=list)
    clean_accuracy: list[float] = field(default_factory=list)
    robust_accuracy: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class RobustAccuracy:
    """Accuracy after one attack."""

    attack: str
    """Such as ``PGD in l2, eps 1, 20 steps``."""
    accuracy: float
    n_images: int | None = None


@dataclass(frozen=True)
class Model:
    """One model, or a reference that is none (an ensemble, a file of perturbed images)."""

    name: str
    group: str
    """Models that differ only in their training seed have one group."""
    is_target: bool = True
    """False of references that are none of the models: they are in rows, never in columns."""
    architecture: str | None = None
    training: str | None = None
    """Training objective, such as ``at``; None of weights that were taken as they are."""
    training_dataset: str | None = None
    random_seed: int | None = None
    """Of training."""
    clean_accuracy: float | None = None
    robust_accuracies: list[RobustAccuracy] = field(default_factory=list)
    flags: list[str] = field(default_factory=list)
    """Sentences such as ``no robust accuracy: 1%, and guessing among 10 classes gives 10%``."""
    learning_curve: LearningCurve | None = None
    facts: dict[str, str] = field(default_factory=dict)
    """Further facts by their names for readers: width, weights, code, device."""


@dataclass(frozen=True)
class Cell:
    """Scores of one pair at one layer by one measure, averaged over inversion seeds. Numbers have four decimals."""

    reference_model: str
    target_model: str
    layer: str
    """Of `Report.layers`: what stands at one position of both models."""
    similarity_measure: str
    images_dataset: str
    reference_layer: str
    target_layer: str
    stir: float | None = None
    stir_low: float | None = None
    """95% interval over images."""
    stir_high: float | None = None
    similarity: float | None = None
    stir_excess: float | None = None
    """(STIR - noise) / (ceiling - noise)."""
    stir_ceiling: float | None = None
    stir_noise: float | None = None
    stir_seed_floor: float | None = None
    stir_untrained: float | None = None
    stir_null_p95: float | None = None
    stir_null_p_holm: float | None = None
    """The largest over inversion seeds."""
    stir_sd_inversion_seeds: float | None = None
    n_images: int | None = None
    n_inversion_seeds: int | None = None
    inversion_error: float | None = None
    """Median over images."""
    converged_fraction: float | None = None
    """The smallest over inversion seeds."""
    same_class_fraction: float | None = None
    """How often the reference model predicts one class for X and X'."""
    target_same_class_fraction: float | None = None
    flags: list[str] = field(default_factory=list)
    """Words of `stir.flags`; `Report.flag_meanings` explains them."""


@dataclass(frozen=True)
class GroupCell:
    """Mean over the pairs of different models of two groups, as in the table ``-summary``."""

    reference_group: str
    target_group: str
    layer: str
    similarity_measure: str
    images_dataset: str
    stir: float | None = None
    stir_low: float | None = None
    """95% interval over ``interval_over``."""
    stir_high: float | None = None
    interval_over: str = ""
    similarity: float | None = None
    stir_excess: float | None = None
    stir_ceiling: float | None = None
    stir_noise: float | None = None
    stir_seed_floor: float | None = None
    stir_untrained: float | None = None
    n_model_pairs: int = 0
    n_inversion_seeds: int = 0
    flags: str = ""
    """With the models named, as in the table."""


@dataclass(frozen=True)
class Verdict:
    """One part of a statement."""

    statement: str
    part: str
    claim: str
    layer: str
    images_dataset: str
    value: float | None
    low: float | None
    high: float | None
    threshold: float | None
    n: int | None
    unit: str
    verdict: str
    """``holds``, ``fails`` or ``undecided``."""
    flag: str = ""


@dataclass(frozen=True)
class StageTime:
    """How long the jobs of one stage took."""

    stage: str
    jobs: int
    seconds: float
    """Wall time of all its jobs, one after another."""
    max_rss_mb: float | None = None
    device: str = ""


@dataclass(frozen=True)
class Provenance:
    """What made the results, and what makes them again."""

    settings: str = ""
    """The experiment file with its defaults, as YAML."""
    versions: dict[str, str] = field(default_factory=dict)
    hardware: list[str] = field(default_factory=list)
    times: list[StageTime] = field(default_factory=list)
    keys: dict[str, str] = field(default_factory=dict)
    """File or artifact -> key or SHA-256."""
    made: str = ""
    """ISO date of the tables; empty where it is not known."""


@dataclass(frozen=True)
class Report:
    """All that a report shows. Lists are in the order of the tables."""

    name: str
    title: str
    question: str
    """The experiment's description, or a sentence that says what was compared."""
    summary: str
    """One or two sentences: how many models and groups, on which and how many images, by which method."""
    command: str
    """Makes the results and this page again."""
    findings: list[Finding]
    models: list[Model]
    groups: list[str]
    layers: list[str]
    similarity_measures: list[str]
    images_datasets: list[str]
    layer: str
    """Of ``layers``: shown first. So are the two below."""
    similarity_measure: str
    images_dataset: str
    cells: list[Cell]
    """One per reference, target, layer, measure and dataset of images, diagonal included."""
    group_cells: list[GroupCell] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)
    images: dict[str, Image] = field(default_factory=dict)
    galleries: list[Gallery] = field(default_factory=list)
    agreements: list[Agreement] = field(default_factory=list)
    provenance: Provenance = field(default_factory=Provenance)
    flag_meanings: dict[str, str] = field(default_factory=dict)
    """Word -> what it means, of the flags that occur."""
    left_out: list[str] = field(default_factory=list)
    """Sentences on what is not in the page for its size, or because it was not stored."""
    sources: list[str] = field(default_factory=list)
    """Names of the files that have all numbers."""
