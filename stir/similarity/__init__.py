"""Representation similarity measures (S_rep), with one module per measure."""

from stir.similarity.linear_cka import linear_cka
from stir.similarity.linear_regression import linear_regression
from stir.similarity.mean_cca import mean_cca
from stir.similarity.minibatch_cka import minibatch_cka
from stir.similarity.model_pairs import similarity_matrix, stir_matrix
from stir.similarity.mutual_knn import mutual_knn
from stir.similarity.pnka import mean_pnka, pnka
from stir.similarity.procrustes import procrustes
from stir.similarity.pwcca import pwcca
from stir.similarity.rbf_cka import rbf_cka
from stir.similarity.registry import (
    POINTWISE_MEASURES,
    SIMILARITY_MEASURES,
    SimilarityMeasure,
    get_similarity_measure,
    register_similarity_measure,
)
from stir.similarity.rotations import joint_basis
from stir.similarity.rsa import rsa
from stir.similarity.svcca import svcca

__all__ = [
    "POINTWISE_MEASURES",
    "SIMILARITY_MEASURES",
    "SimilarityMeasure",
    "get_similarity_measure",
    "joint_basis",
    "linear_cka",
    "linear_regression",
    "mean_cca",
    "mean_pnka",
    "minibatch_cka",
    "mutual_knn",
    "pnka",
    "procrustes",
    "pwcca",
    "rbf_cka",
    "register_similarity_measure",
    "rsa",
    "similarity_matrix",
    "stir_matrix",
    "svcca",
]
