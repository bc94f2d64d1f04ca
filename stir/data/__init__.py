"""Datasets, with one module per family of sources."""

from stir.data.catalogue import DATASETS, DatasetFacts, dataset_facts
from stir.data.sources import dataset_source

__all__ = ["DATASETS", "DatasetFacts", "dataset_facts", "dataset_source"]
