"""`stir show` prints the heatmap and the summary of a table, as plain text where there is no terminal."""

import json
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest

from stir_workflow.commands.report import planned
from tests.experiment_files import ROOT, TINY

KEPT = ROOT / "docs" / "quickstart"


@pytest.fixture(autouse=True)
def tables(here):
    folder = here / "results" / "tables"
    folder.mkdir(parents=True)
    for name in ("quickstart.csv", "quickstart-summary.csv"):
        shutil.copy(KEPT / name, folder)
    return folder


def test_an_experiment_is_shown_as_heatmap_and_summary_without_colours(stir):
    result = stir("show", "quickstart")
    assert result.exit_code == 0, result.output
    assert "\x1b" not in result.stdout
    lines = result.stdout.splitlines()
    assert lines[0] == "STIR, penultimate, linear_cka, digits: reference in rows, target in columns"
    assert [line.split()[1] for line in lines[2:10]] == list(
        dict.fromkeys(pd.read_csv("results/tables/quickstart.csv")["reference_model"])
    )
    summary = pd.read_csv("results/tables/quickstart-summary.csv").query(
        "reference_layer == 'penultimate' and similarity_measure == 'linear_cka'"
    )
    shown = [re.search(r"-> \S+ +(\d\.\d{3})", line) for line in lines]
    assert [float(each[1]) for each in shown if each] == pytest.approx(summary["stir_mean"].round(3))
    assert "* not_all_converged" in lines


def test_layer_measure_and_score_are_chosen(stir):
    result = stir("show", "results/tables/quickstart.csv", "--layer", "stage3", "--measure", "rbf_cka", "--score", "similarity")
    assert result.stdout.startswith("plain similarity, stage3, rbf_cka, digits")
    rows = json.loads(stir("show", "quickstart", "--layer", "stage3", "--json").stdout)
    assert {(row["reference_layer"], row["similarity_measure"]) for row in rows} == {("stage3", "linear_cka")}


def test_a_table_alone_has_no_summary_and_scores_that_are_missing_are_said_to_be_none(stir, here):
    table = pd.read_csv("results/tables/quickstart.csv").query("random_seed == 0")
    table.loc[table["target_model"] == "digits-vgg6-at-1", "similarity"] = float("nan")
    table.to_csv(here / "alone.csv", index=False)
    result = stir("show", "alone.csv", "--score", "similarity")
    assert result.exit_code == 0, result.output
    assert result.stdout.count("none") == 8
    assert "->" not in result.stdout


def with_intervals_over(*units):
    """Let the quickstart's summary of linear CKA at the penultimate layer have intervals over these, one after the other."""
    place = Path("results/tables/quickstart-summary.csv")
    summary = pd.read_csv(place)
    shown = summary.query("reference_layer == 'penultimate' and similarity_measure == 'linear_cka'").index
    for number, row in enumerate(shown):
        summary.loc[row, "interval_over"] = units[number % len(units)]
    summary.to_csv(place, index=False)


ALONE = "Intervals over 2 inversion seeds alone do not say how the scores would change with other images."


def test_what_intervals_are_over_is_named_and_a_line_says_so_where_it_is_not_images(stir):
    with_intervals_over("images")
    of_images = stir("show", "quickstart").stdout
    assert "  95% interval over images  " in of_images
    assert "alone do not say" not in of_images
    with_intervals_over("inversion seeds")
    of_seeds = stir("show", "quickstart").stdout
    assert "  95% interval over 2 inversion seeds  " in of_seeds
    assert ALONE in of_seeds.splitlines()
    with_intervals_over("inversion seeds", "trainings and images")
    lines = stir("show", "quickstart").stdout.splitlines()
    assert ALONE in lines
    assert {"a over 2 inversion seeds", "b over trainings and images"} <= {*lines}
    assert [re.search(r" to \S+ ([a-z]) ", line)[1] for line in lines if " to " in line] == ["a", "b"] * 8


def test_no_line_ends_with_blanks(stir):
    lines = stir("show", "quickstart").stdout.splitlines()
    assert [line for line in lines if line != line.rstrip()] == []


def test_tables_of_other_settings_are_told_from_those_of_now(stir, here):
    assert "[stir] nothing in results/publications says which settings" in stir("show", "quickstart").stderr
    publication = here / planned("quickstart", None).publication.path
    publication.parent.mkdir(parents=True)
    publication.touch()
    assert stir("show", "quickstart").stderr == ""
    publication.rename(publication.with_name("quickstart-0123456789.stamp"))
    result = stir("show", "quickstart")
    assert result.stderr == (
        "[stir] this table of quickstart is of other settings or images than those of now; renew it: stir run quickstart\n"
    )
    assert result.stdout.startswith("STIR, penultimate, linear_cka, digits")
    assert stir("show", "results/tables/quickstart.csv").stderr == ""


def test_pictures_that_changed_make_a_table_outdated_and_one_whose_pictures_are_gone_is_shown(stir, own, here):
    run = stir("init", "mine.yaml", "--images", own, "--model", "resnet8=train", "--n-images", 4)
    assert run.exit_code == 0, run.output
    shutil.copy("results/tables/quickstart.csv", "results/tables/mine.csv")
    publication = here / planned("mine.yaml", None).publication.path
    publication.parent.mkdir(parents=True)
    publication.touch()
    assert stir("show", "mine.yaml").stderr == ""
    shutil.copy(own / "a" / "0.png", own / "a" / "100.png")
    assert "is of other settings or images than those of now; renew it: stir run mine.yaml" in stir("show", "mine.yaml").stderr
    shutil.rmtree(own)
    result = stir("show", "mine.yaml")
    assert result.exit_code == 0, result.output
    assert result.stderr.startswith("[stir] not compared with the experiment as it is now, which cannot be planned: ")
    assert len(result.stderr.splitlines()) == 1


REFUSED = [
    (("nothing",), "error: Unknown experiment 'nothing'"),
    (("absent.csv",), "error: Expected a table at absent.csv; there is none"),
    (("tiny.yaml",), "the experiment is not finished here. Run it: stir run tiny.yaml"),
    (("other.csv",), "Expected a table of scores in other.csv, such as results/tables/NAME.csv; it has no"),
    (("binary.csv",), "error: Expected a table of scores in binary.csv"),
    (("quickstart", "--layer", "stage33"), "error: Unknown layer of the table 'stage33'. Did you mean 'stage3'?"),
    (("quickstart", "--measure", "cka"), "error: Unknown similarity measure of the table 'cka'. Did you mean"),
    (("quickstart", "--scale", "small"), "The experiment has no scales"),
]


@pytest.mark.parametrize(("arguments", "message"), REFUSED, ids=[" ".join(arguments) for arguments, _ in REFUSED])
def test_what_cannot_be_shown_is_refused_in_one_line(refused, here, arguments, message):
    shutil.copy(TINY, here)
    (here / "other.csv").write_text("a,b\n1,2\n")
    (here / "binary.csv").write_bytes(bytes(range(256)))
    said = refused("show", *arguments)
    assert message in said
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize("ending", ["", "-summary"], ids=["scores", "summary"])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda table: table.iloc[:0], "it has no row"),
        (lambda table: table.assign(**{_score(table): "$(id)"}), "finite numbers in column stir"),
        (lambda table: table.assign(**{_score(table): float("inf")}), "finite numbers in column stir"),
        (lambda table: table.assign(**{table.columns[0]: "\x1b[31mX\n\u202e"}), "printable text in column"),
    ],
    ids=["empty", "text", "infinite", "escapes"],
)
def test_a_table_of_others_is_refused_if_it_cannot_be_shown(refused, tables, change, message, ending):
    place = tables / f"quickstart{ending}.csv"
    change(pd.read_csv(place)).to_csv(place, index=False)
    said = refused("show", "results/tables/quickstart.csv")
    assert message in said
    assert f"quickstart{ending}.csv" in said
    assert said.rstrip("\n").isprintable()


def _score(table):
    return "stir" if "stir" in table else "stir_mean"
