"""Attacks, training recipes and accuracies; no paths."""

from stir.snapshots import Snapshot
from stir.training.attacks import NORMS, Attack, check_draws_nothing, pgd
from stir.training.augmentation import AUGMENTATIONS
from stir.training.curve import LearningCurve, implausible
from stir.training.evaluate import Accuracy, accuracy
from stir.training.objectives import OBJECTIVES, logits
from stir.training.precision import PRECISIONS
from stir.training.recipe import Monitor, TrainingRecipe
from stir.training.schedules import SCHEDULES
from stir.training.train import train

__all__ = [
    "AUGMENTATIONS",
    "NORMS",
    "OBJECTIVES",
    "PRECISIONS",
    "SCHEDULES",
    "Accuracy",
    "Attack",
    "LearningCurve",
    "Monitor",
    "Snapshot",
    "TrainingRecipe",
    "accuracy",
    "check_draws_nothing",
    "implausible",
    "logits",
    "pgd",
    "train",
]
