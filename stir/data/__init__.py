"""Datasets, one source family a file."""

from stir.data.catalogue import DATASETS, DatasetFacts, dataset_facts

__all__ = ["DATASETS", "DatasetFacts", "dataset_facts"]
