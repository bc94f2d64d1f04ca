"""Cost of an experiment, from the cost of one job of each stage: pure arithmetic."""

from collections.abc import Mapping
from dataclasses import dataclass

FLOAT32, FLOAT64 = 4, 8
SECONDS_PER_HOUR = 3600
# Bytes per image in an IRI file: five errors in float32, two marks, a count in int64 (`stir_workflow.stages.iri`).
BYTES_OF_ERRORS = 5 * FLOAT32 + 2 + 8
UNTRAINED = 1
"""Untrained networks that are targets beside the models, which have one architecture."""


@dataclass(frozen=True)
class Setting:
    """Quantities that an experiment's cost depends on."""

    models: int
    features: Mapping[str, int]
    """Layer -> features of its representations."""
    random_seeds: int
    images: int
    """Reference images."""
    values_an_image: int
    """Channels times height times width."""
    train_images: int
    test_images: int
    measures: int
    basis: str
    weights: int
    """Parameters and buffers of a model, in float32."""


def jobs(setting: Setting) -> dict[str, int]:
    """Return stage -> jobs."""
    models = setting.models
    return {
        "dataset": 1,
        "checkpoint": models + UNTRAINED,
        "evaluation": models,
        "iri": models * len(setting.features) * setting.random_seeds,
        "pair": models * (models + UNTRAINED),
        "representation": models,
        "score": models,
        "table": 1,
        "figure": 1,
        "report": 1,
        "publication": 1,
    }


def bytes_of_iri(setting: Setting) -> int:
    """Return the bytes of the arrays of one IRI file: X', seed images, and the errors per image."""
    return setting.images * (2 * setting.values_an_image * FLOAT32 + BYTES_OF_ERRORS)


def bytes_of_representation(setting: Setting) -> int:
    """Return the bytes of the arrays of one representation file.

    If the experiment uses a joint basis, layers with more than two features per image are stored in it:
    m2(X) in as many dimensions as images, m2(X') in twice as many, in float64.
    """
    n, total = setting.images, 0
    for features in setting.features.values():
        if setting.basis == "joint" and features > 2 * n:
            total += FLOAT64 * n * (n + setting.random_seeds * 2 * n)
        else:
            total += FLOAT32 * n * features * (1 + setting.random_seeds)
    return total


def gigabytes(setting: Setting) -> dict[str, float]:
    """Return stage -> gigabytes (1e9 bytes) of the stages whose files are large."""
    count = jobs(setting)
    each = {
        "checkpoint": setting.weights * FLOAT32,
        "iri": bytes_of_iri(setting),
        "representation": bytes_of_representation(setting),
    }
    return {stage: count[stage] * size / 1e9 for stage, size in each.items()}


@dataclass(frozen=True)
class Flop:
    """Counted floating-point operations per image."""

    training: float
    """One epoch, averaged over recipes, including attacks."""
    evaluation: float
    """Measuring clean and robust accuracy."""
    inversion: Mapping[str, float]
    """Layer -> one forward and backward pass up to it."""
    representation: Mapping[str, float]
    """Layer -> one forward pass up to it."""


def flop_of_jobs(setting: Setting, flop: Flop, *, epochs: int, evaluations: float) -> dict[str, float]:
    """Return stage -> operations of one of its jobs, averaged over layers.

    Parameters
    ----------
    setting : Setting
        The experiment.
    flop : Flop
        Counted operations per image.
    epochs : int
        Epochs of training.
    evaluations : float
        Forward and backward passes per image of an inversion.
    """
    layers = setting.features
    return {
        "checkpoint": flop.training * setting.train_images * epochs,
        "evaluation": flop.evaluation * setting.test_images,
        "iri": sum(flop.inversion[layer] for layer in layers) / len(layers) * setting.images * evaluations,
        "representation": sum(flop.representation[layer] for layer in layers) * setting.images * (1 + setting.random_seeds),
    }


def gpu_hours(setting: Setting, flop_of_a_job: Mapping[str, float], *, flop_per_second: float) -> dict[str, float]:
    """Return stage -> expected hours of a GPU that does ``flop_per_second``."""
    count = jobs(setting) | {"checkpoint": setting.models}  # an untrained network costs none
    return {stage: count[stage] * work / flop_per_second / SECONDS_PER_HOUR for stage, work in flop_of_a_job.items()}


def scorings_of_a_job(setting: Setting) -> int:
    """Return how many times one score job compares representations: every target, layer, random seed and measure."""
    return setting.models * len(setting.features) * setting.random_seeds * setting.measures


def cpu_hours(setting: Setting, seconds_of_a_job: Mapping[str, float]) -> dict[str, float]:
    """Return stage -> CPU hours, from the CPU seconds of one of its jobs."""
    count = jobs(setting)
    return {stage: count[stage] * seconds / SECONDS_PER_HOUR for stage, seconds in seconds_of_a_job.items()}
