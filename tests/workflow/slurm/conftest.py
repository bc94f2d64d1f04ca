"""A real SLURM, started once and only where it was asked for."""

import pytest

from tests.workflow.slurm.cluster import Cluster, reason_against


@pytest.fixture(scope="session")
def cluster(tmp_path_factory):
    """A SLURM of one node, which nothing is left of in the end."""
    if reason := reason_against():
        pytest.skip(reason)
    running = Cluster(tmp_path_factory.mktemp("slurm"))
    try:
        running.start()
        yield running
    finally:
        running.stop()
