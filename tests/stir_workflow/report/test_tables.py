"""Tables of any version are read; what is no table of an experiment is refused with its file and a remedy."""

import shutil
from pathlib import Path

import pandas as pd
import pytest

from stir.errors import InvalidInputError
from stir_workflow.report.gathering import Beside, report_of
from stir_workflow.report.tables import read_tables
from tests.experiment_files import ROOT

QUICKSTART, POSTER = ROOT / "docs" / "quickstart", ROOT / "docs" / "poster" / "small"
EXPERIMENTS = sorted(path.name.removesuffix("-models.csv") for path in POSTER.glob("*-models.csv"))


def files_of(folder):
    return {path.name: path for path in Path(folder).iterdir()}


def kept(name, folder=POSTER):
    return report_of(name, read_tables(files_of(folder), name), Beside())


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_tables_that_an_earlier_version_wrote_make_a_report_that_says_what_they_lack(name):
    report = kept(name)
    scores = pd.read_csv(POSTER / f"{name}.csv")
    assert sum(cell.n_inversion_seeds for cell in report.cells) == len(scores)
    assert report.left_out == [
        f"{name}.csv has no intervals, ceilings, noise of the same distance, nulls: an earlier version of this workflow made it."
    ]
    assert len(report.verdicts) == len(pd.read_csv(POSTER / f"{name}-verdicts.csv"))
    assert [finding.text for finding in report.findings if "-verdicts.csv" in finding.source]
    assert all(cell.stir_low is not None for cell in report.group_cells), "over inversion seeds, which the table has"


@pytest.fixture
def folder(tmp_path):
    for file in QUICKSTART.glob("*.csv"):
        shutil.copy(file, tmp_path)
    return tmp_path


def without(column):
    return lambda path: pd.read_csv(path).drop(columns=column).to_csv(path, index=False)


def text_in(column):
    return lambda path: pd.read_csv(path, dtype=str).assign(**{column: "high"}).to_csv(path, index=False)


def twice(path):
    table = pd.read_csv(path)
    pd.concat([table, table[:1]]).to_csv(path, index=False)


SPOILT = {
    "no scores": ("quickstart.csv", Path.unlink, r"Expected the table quickstart\.csv in here; got none\. Do this: run"),
    "no models": ("quickstart-models.csv", Path.unlink, r"Expected the table quickstart-models\.csv in here"),
    "a missing column": ("quickstart.csv", without("stir"), r"quickstart\.csv has no column stir: it is of another version"),
    "two missing columns": ("quickstart.csv", without(["stir", "n_images"]), r"has no column stir, n_images"),
    "another table": ("quickstart-models.csv", without("model"), r"NAME-models\.csv .*no column model"),
    "a summary of something else": ("quickstart-summary.csv", without("stir_mean"), r"quickstart-summary\.csv has no column"),
    "text for numbers": ("quickstart.csv", text_in("stir"), r"numbers in the column stir of .*quickstart\.csv; got 'high'"),
    "no rows": ("quickstart.csv", lambda path: pd.read_csv(path)[:0].to_csv(path, index=False), "there are none"),
    "an empty file": ("quickstart.csv", lambda path: path.write_text(""), r"quickstart\.csv cannot be read"),
    "a picture": ("quickstart.csv", lambda path: path.write_bytes(b"\x89PNG\r\n\x1a\n\xff\xfe\x00"), "cannot be read|no column"),
    "a row twice": ("quickstart.csv", twice, "one row per pair, layer, measure and seed .*got two of digits-resnet8-vanilla-0"),
    "a model missing": (
        "quickstart-models.csv",
        lambda path: pd.read_csv(path)[1:].to_csv(path, index=False),
        "no row of digits-resnet8-vanilla-0",
    ),
}


@pytest.mark.parametrize("what", SPOILT)
def test_a_table_that_is_none_is_refused_in_one_line_with_its_file_and_a_remedy(folder, what):
    name, spoil, message = SPOILT[what]
    spoil(folder / name)
    with pytest.raises(InvalidInputError, match=message) as refused:
        read_tables(files_of(folder), "quickstart", where="here")
    assert "\n" not in str(refused.value)


def test_infinite_scores_are_missing_numbers(folder):
    table = pd.read_csv(folder / "quickstart.csv")
    table.loc[0, "stir"] = float("inf")
    table.to_csv(folder / "quickstart.csv", index=False)
    report = report_of("quickstart", read_tables(files_of(folder), "quickstart"), Beside())
    assert report.cells[0].stir is None
    assert report.cells[1].stir is not None
