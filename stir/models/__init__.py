"""Architectures and their weights; no training."""

from stir.models.checkpoints import load_checkpoint, read_metadata, read_model, save_model
from stir.models.facts import checkpoint_facts
from stir.models.registry import ARCHITECTURES, SMALL_IMAGE_ARCHITECTURES, Architecture, build_model, check_architecture
from stir.models.shapes import architecture_depths, check_takes, layer_names

__all__ = [
    "ARCHITECTURES",
    "SMALL_IMAGE_ARCHITECTURES",
    "Architecture",
    "architecture_depths",
    "build_model",
    "check_architecture",
    "check_takes",
    "checkpoint_facts",
    "layer_names",
    "load_checkpoint",
    "read_metadata",
    "read_model",
    "save_model",
]
