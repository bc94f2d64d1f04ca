"""Architectures and their weights; no training."""

from stir.models.checkpoints import load_checkpoint, read_metadata, read_model, save_model
from stir.models.registry import ARCHITECTURES, Architecture, build_model, layer_names

__all__ = [
    "ARCHITECTURES",
    "Architecture",
    "build_model",
    "layer_names",
    "load_checkpoint",
    "read_metadata",
    "read_model",
    "save_model",
]
