"""Architectures and their weights; no training."""

from stir.models.architecture import Architecture
from stir.models.checkpoints import load_checkpoint
from stir.models.code import model_code
from stir.models.facts import checkpoint_facts
from stir.models.normalise import Normalise
from stir.models.outputs import logits_of
from stir.models.preprocessed import Preprocessed, Resize
from stir.models.providers.stir_models import SMALL_IMAGE_ARCHITECTURES
from stir.models.registry import ARCHITECTURES, build_model, check_architecture
from stir.models.saved import read_metadata, read_model, save_model
from stir.models.shapes import architecture_depths, check_takes, layer_names

__all__ = [
    "ARCHITECTURES",
    "SMALL_IMAGE_ARCHITECTURES",
    "Architecture",
    "Normalise",
    "Preprocessed",
    "Resize",
    "architecture_depths",
    "build_model",
    "check_architecture",
    "check_takes",
    "checkpoint_facts",
    "layer_names",
    "load_checkpoint",
    "logits_of",
    "model_code",
    "read_metadata",
    "read_model",
    "save_model",
]
