"""The pipeline, small: everything that was asked for is there, and once is enough."""

import json
import os
import shutil

import numpy as np
import pandas as pd
import pytest

from stir.provenance import device_kind, processor
from stir_workflow.planning.published import published_files
from stir_workflow.store.artifacts import checked, read_seal
from stir_workflow.store.stamps import stamped
from stir_workflow.store.survey import sealed_files
from tests.experiment_files import edited, write_yaml
from tests.workflow import jobs
from tests.workflow.snakemake import PROFILE, contents, dry_run, planned, snakemake

COLUMNS = [
    "reference_model",
    "target_model",
    "reference_layer",
    "target_layer",
    "similarity_measure",
    "random_seed",
    "stir",
    "stir_converged",
    "similarity",
    "n_images",
    "tolerance",
    "inversion_method",
    "seed_images",
    "inversion_error_median",
    "inversion_error_p90",
    "converged_fraction",
    "correlation_median",
    "null_correlation_p99",
    "same_class_fraction",
]


class TestOneRun:
    def test_makes_every_artifact_and_seals_it(self, finished):
        for path in planned(finished).paths():
            assert checked(finished / path)
        said = (finished / "said.txt").read_text(encoding="utf-8")
        assert all(f"Rule: {rule})" in said for rule in jobs.TINY)

    def test_leaves_no_temporary_files(self, finished):
        assert [file for file in finished.rglob("*") if ".tmp" in file.name] == []

    def test_every_job_has_a_log_and_a_benchmark(self, finished):
        plan = planned(finished)
        for path in plan.closure("publication"):
            assert (finished / plan.by_path[path].log).is_file()
            assert pd.read_csv(finished / plan.by_path[path].benchmark, sep="\t")["s"][0] > 0

    def test_says_how_far_it_is(self, finished):
        said = (finished / "said.txt").read_text(encoding="utf-8")
        total = sum(jobs.TINY.values()) - 1
        assert f"{total} of {total} jobs done" in said
        assert "left" in said

    def test_the_table_has_a_row_for_every_pair_seed_and_measure(self, finished):
        table = pd.read_csv(finished / "results" / "tables" / "tiny.csv")
        assert set(COLUMNS) <= set(table.columns)
        assert len(table) == 2 * 2 * 2 * 2
        assert not table.duplicated(COLUMNS[:6]).any()
        assert set(table["reference_model"]) == set(table["target_model"]) == {"residual-0", "plain-0"}
        assert set(table["n_images"]) == {16}
        assert table["inversion_error_median"].between(0, 0.2).all()
        assert table["converged_fraction"].between(0, 1).all()
        assert np.isfinite(table[["stir", "similarity"]]).all(axis=None)

    def test_a_model_shares_its_own_invariances_most(self, finished):
        table = pd.read_csv(finished / "results" / "tables" / "tiny.csv").query("similarity_measure == 'linear_cka'")
        own = table["reference_model"] == table["target_model"]
        assert table[own]["stir"].min() > 0.8
        assert table[own]["stir"].min() > table[~own]["stir"].max()
        assert table[own]["similarity"].to_numpy() == pytest.approx(1)

    def test_plain_similarity_has_no_direction_and_stir_has(self, finished):
        table = pd.read_csv(finished / "results" / "tables" / "tiny.csv").query("similarity_measure == 'linear_cka'")
        mean = table.groupby(["reference_model", "target_model"])[["stir", "similarity"]].mean()
        there, back = mean.loc[("residual-0", "plain-0")], mean.loc[("plain-0", "residual-0")]
        assert there["similarity"] == pytest.approx(back["similarity"])
        assert there["stir"] != pytest.approx(back["stir"], abs=1e-3)

    def test_models_and_summary_have_their_rows(self, finished):
        models = pd.read_csv(finished / "results" / "tables" / "tiny-models.csv")
        assert list(models["model"]) == ["residual-0", "plain-0"]
        assert list(models["objective"]) == ["vanilla", "at"]
        assert models["clean_accuracy"].between(0, 1).all()
        assert (models["robust_accuracy"] <= models["clean_accuracy"]).all()
        summary = pd.read_csv(finished / "results" / "tables" / "tiny-summary.csv")
        assert list(zip(summary["reference_group"], summary["target_group"], strict=True)) == [
            ("residual", "plain"),
            ("residual", "plain"),
            ("plain", "residual"),
            ("plain", "residual"),
        ]

    def test_tables_figures_and_report_lie_under_names_that_stay_and_in_folders_of_their_keys(self, finished):
        plan = planned(finished)
        kept = stamped(finished / plan.table.path) | stamped(finished / plan.figure.path) | stamped(finished / plan.report.path)
        tables = {
            f"tiny{part}"
            for part in (".csv", "-summary.csv", "-differences.csv", "-models.csv", "-metrics.json", "-per_image.h5")
        }
        figures = {f"tiny-penultimate-{what}" for what in ("linear_cka", "linear_cka_debiased", "images")}
        assert kept.keys() == {"tiny.html"} | tables | {f"{name}.{suffix}" for name in figures for suffix in ("png", "svg")}
        assert all(file.stat().st_size > 100 for file in kept.values())
        published = stamped(finished / plan.publication.path)
        assert published.keys() == kept.keys()
        assert published.keys() <= {path.name for path in published_files(plan)}, "what is known before the run"
        for name, file in published.items():
            folder = "tables" if name in tables else "report" if name == "tiny.html" else "figures"
            assert file == finished / "results" / folder / name
            assert kept[name].parent.parent == file.parent
            assert file.read_bytes() == kept[name].read_bytes()

    def test_seals_say_what_artifacts_were_made_by(self, finished):
        for file in sealed_files([finished / "data", finished / "results"]):
            seal = json.loads(file.with_name(f"{file.name}.json").read_text())
            assert seal["device"] == "cpu"
            assert seal["device_kind"].startswith(processor())
            assert "torch" in seal["versions"]
        for stage in ("checkpoint", "evaluation", "iri", "pair", "score"):
            for path in planned(finished).stage_paths(stage):
                assert read_seal(finished / path)["device_kind"] == device_kind("cpu"), "the vector instructions are named, too"


class TestOnceIsEnough:
    """Time stamps and Snakemake's own memory decide nothing."""

    def test_after_everything_was_touched_newest_inputs_last(self, copied):
        plan = planned(copied)
        for number, path in enumerate(reversed(plan.paths())):
            os.utime(copied / path, (2_000_000_000 + number, 2_000_000_000 + number))
        ran = snakemake(copied, "tiny.yaml")
        assert ran.code == 0, ran.text
        assert ran.planned == ran.finished == {}
        assert "Nothing to be done" in ran.text

    def test_without_snakemakes_own_memory(self, copied, tiny):
        shutil.rmtree(copied / ".snakemake")
        for path in planned(copied).paths():
            (copied / path).touch()
        assert dry_run(copied, tiny) == {}


def test_another_folder_and_the_profile_give_the_same_files_bit_for_bit(finished, tiny, tmp_path):
    """One of the two models suffices, since experiments share the names of common files."""
    write_yaml(tmp_path / "one.yaml", edited(tiny, {"models": tiny["models"][:1]}))
    ran = snakemake(tmp_path, "one.yaml", "--workflow-profile", PROFILE)
    assert ran.code == 0, ran.text
    here, there = contents(finished), contents(tmp_path)
    common = sorted(here.keys() & there.keys())
    assert [name.split("/")[1] for name in common] == [
        "datasets",
        *["checkpoints"] * 2,
        "evaluations",
        *["iris"] * 4,
        *["representations"] * 2,
    ]
    assert [name for name in common if here[name] != there[name]] == []
    all_rows, rows = (
        # Corrected p-values depend on the number of scores in the table.
        pd.read_csv(folder / "results" / "tables" / f"{name}.csv", dtype=str).drop(columns="stir_null_p_holm")
        for folder, name in ((finished, "tiny"), (tmp_path, "one"))
    )
    assert len(rows) == 4
    pd.testing.assert_frame_equal(all_rows.merge(rows), rows)


class TestAChange:
    """Exactly the files that a change affects are made, and none after the change is reverted."""

    def test_of_one_models_training(self, copied, tiny):
        affected = jobs.TINY_AFTER_PLAIN | {"all": 1}
        assert dry_run(copied, edited(tiny, {"training.1.epochs": 2})) == affected
        assert dry_run(copied, tiny) == {}

    def test_that_was_made_and_is_taken_back_costs_one_publication(self, copied, tiny):
        """Its tables and figures are of other settings; a figure that these do not make is not left there."""
        before = contents(copied)
        fewer = edited(tiny, {"similarity_measures": ["linear_cka"]})
        ran = snakemake(copied, write_yaml(copied / "tiny.yaml", fewer))
        assert ran.code == 0, ran.text
        assert ran.finished == {"score": 2, "table": 1, "figure": 1, "report": 1, "publication": 1, "all": 1}
        figures = copied / "results" / "figures"
        assert sorted(file.name for file in figures.glob("*.png")) == [
            f"tiny-penultimate-{what}.png" for what in ("images", "linear_cka")
        ]
        ran = snakemake(copied, write_yaml(copied / "tiny.yaml", tiny))
        assert ran.code == 0, ran.text
        assert ran.finished == {"publication": 1, "all": 1}
        after = contents(copied)
        assert {name: after[name] for name in before} == before
        assert not list(copied.rglob(".quarantine"))

    def test_that_adds_a_model(self, copied, tiny):
        more = [*tiny["models"], tiny["models"][0] | {"name": "wide", "width": 3}]
        affected = {
            "checkpoint": 2,
            "evaluation": 1,
            "inversion": 2,
            "representation": 3,
            "score": 3,
            "table": 1,
            "figure": 1,
            "report": 1,
            "publication": 1,
            "all": 1,
        }
        assert dry_run(copied, edited(tiny, {"models": more})) == affected
