"""Attacks, training recipes and accuracies; no paths."""

from stir.snapshots import Snapshot
from stir.training.attacks import NORMS, Attack, pgd
from stir.training.evaluate import Accuracy, accuracy
from stir.training.train import OBJECTIVES, TrainingRecipe, train

__all__ = ["NORMS", "OBJECTIVES", "Accuracy", "Attack", "Snapshot", "TrainingRecipe", "accuracy", "pgd", "train"]
