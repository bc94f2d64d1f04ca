"""Networks of other libraries and of a Python file, through the whole workflow: the example of the documentation, smaller."""

import shutil

import numpy as np
import pandas as pd
import pytest

from stir_workflow.store.artifacts import checked
from tests.experiment_files import ROOT, read_yaml, write_yaml
from tests.workflow.snakemake import planned, snakemake

EXAMPLE = ROOT / "docs" / "models"


def test_networks_of_several_sources_and_sizes_share_one_x(tmp_path):
    """A trained transformer of timm at 32 pixels and a network of one's own at 16, on digits of 8 x 8."""
    pytest.importorskip("timm")
    folder = tmp_path / "my networks"
    shutil.copytree(EXAMPLE, folder)
    example = read_yaml(EXAMPLE / "addresses.yaml")
    example["models"] = [model for model in example["models"] if model["name"] != "own"]
    path = write_yaml(folder / "addresses.yaml", example)
    ran = snakemake(tmp_path, path.relative_to(tmp_path), timeout=900)
    assert ran.code == 0, ran.text
    for made in planned(tmp_path, "my networks/addresses.yaml").paths():
        assert checked(tmp_path / made)
    models = pd.read_csv(tmp_path / "results" / "tables" / "addresses-models.csv").set_index("model")
    assert models["architecture"].to_dict() == {"transformer-0": "timm:test_vit", "untrained": "networks.py:striped"}
    assert models["input_size"].to_dict() == {"transformer-0": "32 x 32", "untrained": "16 x 16"}
    assert set(models["resize"]) == {"bilinear, antialias"}
    assert [code.split(" ")[0] for code in models["code"]] == ["timm", "networks.py"]
    assert models["weights"].fillna("").to_dict() == {"transformer-0": "", "untrained": "random"}
    assert models["clean_accuracy"].between(0, 1).all()
    scores = pd.read_csv(tmp_path / "results" / "tables" / "addresses.csv")
    assert len(scores) == 4
    assert np.isfinite(scores[["stir", "similarity"]]).all(axis=None)

    # Without accuracies, and with the folder moved, tables and figures alone are made again.
    moved = folder.rename(tmp_path / "moved")
    write_yaml(moved / "addresses.yaml", example | {"evaluation": "none"})
    shutil.rmtree(tmp_path / "results" / "publications")  # the tables' owner has moved
    ran = snakemake(tmp_path, "moved/addresses.yaml", timeout=900)
    assert ran.code == 0, ran.text
    assert ran.finished == {"table": 1, "figure": 1, "report": 1, "publication": 1, "all": 1}
    models = pd.read_csv(tmp_path / "results" / "tables" / "addresses-models.csv")
    assert models[["clean_accuracy", "robust_accuracy", "attack_norm"]].isna().all(axis=None)
