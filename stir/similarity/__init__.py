"""Representation similarity measures (S_rep), with one module per measure; `stir.similarity.registry` lists them."""

from stir.similarity import registry
from stir.similarity.model_pairs import similarity_matrix, stir_matrix
from stir.similarity.registry import *  # noqa: F403
from stir.similarity.rotations import joint_basis

__all__ = ["joint_basis", "similarity_matrix", "stir_matrix"]
__all__ += registry.__all__
__all__.sort()
