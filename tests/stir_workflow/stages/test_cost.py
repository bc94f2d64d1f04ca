"""The cost of a job is recorded, and a failure to record it does not fail the job."""

import pytest

from stir_workflow.stages.cost import measured


def test_the_note_is_a_table_of_one_row(tmp_path):
    with measured(tmp_path / "benchmarks" / "x.tsv"):
        pass
    names, values = (tmp_path / "benchmarks" / "x.tsv").read_text(encoding="utf-8").splitlines()
    assert names.split("\t") == ["s", "cpu_s", "max_rss_mb", "max_gpu_mb"]
    assert all(float(value) >= 0 for value in values.split("\t"))


def test_a_note_that_cannot_be_written_is_a_warning(tmp_path):
    (tmp_path / "benchmarks").write_text("a file where the folder should be", encoding="utf-8")
    with pytest.warns(UserWarning, match=r"x\.tsv cannot be written"), measured(tmp_path / "benchmarks" / "x.tsv"):
        pass
