"""Relative paths of experiment files are relative to the folder of the file."""

from pathlib import Path

import pytest
import yaml

from stir_workflow.planning.loading import ExperimentError, load_by_schema
from stir_workflow.planning.locations import located
from tests.stir_workflow.planning.test_loading import OWN_DATA

SHA256 = "0" * 64


@pytest.fixture
def mine(tmp_path, monkeypatch, quickstart):
    (tmp_path / "study").mkdir()
    monkeypatch.chdir(tmp_path)
    quickstart["further_datasets"] = [OWN_DATA | {"path": "images/scans", "fingerprint": SHA256, "n_test": 300}]
    quickstart["models"].append({"name": "taken", "architecture": "vgg6", "width": 8, "checkpoint": "w.pt", "sha256": SHA256})
    return quickstart


def read(experiment, folder):
    path = Path(folder) / "mine.yaml"
    path.write_text(yaml.safe_dump(experiment))
    return load_by_schema(path)


@pytest.mark.parametrize("folder", ["study", "."])
def test_paths_are_relative_to_the_experiment_file(mine, folder):
    found = read(mine, folder)
    assert Path(found["further_datasets"][0]["path"]) == Path(folder, "images/scans")
    assert Path(found["models"][-1]["checkpoint"]) == Path(folder, "w.pt")


@pytest.mark.parametrize("path", ["https://example.org/w.pt", "/there/w.pt", "~/w.pt"])
def test_urls_and_absolute_paths_stay_as_they_are(mine, path):
    mine["models"][-1]["checkpoint"] = path
    assert read(mine, "study")["models"][-1]["checkpoint"] == path


def test_a_file_whose_name_begins_with_a_tilde_is_no_home_folder(mine):
    assert located("./~w.pt", Path("study")) == "study/./~w.pt"
    assert located("./~w.pt", Path()) == "./~w.pt"


def test_a_path_that_leads_somewhere_from_the_current_folder_only_is_refused(mine, tmp_path):
    (tmp_path / "w.pt").touch()
    with pytest.raises(
        ExperimentError, match=r"models\[\d+\]\.checkpoint: expected a path relative to .* study; .*Write '\.\./w\.pt'"
    ):
        read(mine, "study")
    (tmp_path / "study" / "w.pt").touch()
    assert read(mine, "study")["models"][-1]["checkpoint"] == "study/w.pt"


def test_keys_do_not_depend_on_where_the_experiment_file_is(mine):
    from stir_workflow.planning.plan import Plan

    keys = [[model.checkpoint.key for model in Plan("x", read(mine, folder)).models] for folder in ("study", ".")]
    assert keys[0] == keys[1]


def test_data_without_a_fingerprint_get_one_and_the_same_keys_as_with_it(mine, tmp_path):
    from stir.data.fingerprints import fingerprint

    (tmp_path / "study" / "images" / "scans" / "cat").mkdir(parents=True)
    (tmp_path / "study" / "images" / "scans" / "cat" / "1.png").write_bytes(b"1")
    typed = fingerprint(tmp_path / "study" / "images" / "scans")
    del mine["further_datasets"][0]["fingerprint"]
    assert read(mine, "study")["further_datasets"][0]["fingerprint"] == typed


def test_data_without_a_fingerprint_that_are_not_there_are_refused_with_their_place(mine):
    del mine["further_datasets"][0]["fingerprint"]
    with pytest.raises(ExperimentError, match=r"mine\.yaml: further_datasets\[0\]\.path: .*images/scans"):
        read(mine, "study")
