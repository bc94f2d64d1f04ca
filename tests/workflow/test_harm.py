"""Bad files are found before a run, moved to quarantine and made again; problems are reported without a traceback."""

import hashlib
import re

import pandas as pd
import pytest

from stir_workflow.store.artifacts import checked, seal_path
from stir_workflow.store.scores import read_scores
from stir_workflow.store.stamps import keyed_folder
from tests.experiment_files import edited, write_yaml
from tests.stir_workflow.sealed import flip_a_bit
from tests.workflow.snakemake import contents, dry_run, planned, snakemake


def first(folder, stage, experiment="tiny.yaml"):
    return folder / planned(folder, experiment).stage_paths(stage)[0]


def test_a_flipped_bit_is_said_set_aside_and_made_good_alone(copied):
    before = contents(copied)
    iri = first(copied, "iri")
    flip_a_bit(iri)
    ran = snakemake(copied, "tiny.yaml")
    assert ran.code == 0, ran.text
    assert iri.name in ran.text
    assert "SHA-256 differs" in ran.text
    assert ran.finished == {"inversion": 1, "all": 1}
    assert len(list((iri.parent / ".quarantine").glob("*.h5.0"))) == 1
    assert contents(copied) == before


def test_whatever_is_missing_or_bad_is_made_and_nothing_else(copied, tiny):
    """A file in the middle is missed though all that follows is there."""
    for stage in ("checkpoint", "iri"):
        first(copied, stage).unlink()
    score, evaluation = first(copied, "score"), first(copied, "evaluation")
    score.write_bytes(score.read_bytes()[:-10])
    seal_path(evaluation).unlink()
    assert dry_run(copied, tiny) == {"checkpoint": 1, "inversion": 1, "score": 1, "evaluation": 1, "all": 1}


@pytest.mark.parametrize(
    ("where", "stage", "said"),
    [
        ("results/tables", "publication", "tiny.csv was not made by this workflow. It was moved to"),
        ("keyed", "table", "tiny.csv differs from the file"),
    ],
)
def test_a_table_altered_by_hand_is_kept_aside_and_made_again(copied, where, stage, said):
    before = contents(copied)
    folder = keyed_folder(first(copied, "table")) if where == "keyed" else copied / where
    table = folder / "tiny.csv"
    altered = table.read_text(encoding="utf-8").replace("residual-0", "better-0")
    table.write_text(altered, encoding="utf-8")
    ran = snakemake(copied, "tiny.yaml")
    assert ran.code == 0, ran.text
    assert said in ran.text
    assert ran.finished == {stage: 1, "all": 1}
    assert contents(copied) == before
    assert (folder / ".quarantine" / "tiny.csv.0").read_text(encoding="utf-8") == altered


def test_a_figure_bad_in_its_keyed_folder_is_made_again_and_not_published(copied):
    before = contents(copied)
    figure = keyed_folder(first(copied, "figure")) / "tiny-penultimate-images.png"
    figure.write_bytes(b"")
    ran = snakemake(copied, "tiny.yaml")
    assert ran.code == 0, ran.text
    assert ran.finished == {"figure": 1, "all": 1}
    assert contents(copied) == before


WRONG = {
    "a misspelt key": ({"inversion.tolerence": 0.1}, "'tolerance'"),
    "an unknown layer": ({"layers": ["penultimat"]}, "Did you mean 'penultimate'"),
}


@pytest.mark.parametrize("case", WRONG)
def test_an_experiment_that_cannot_run_starts_no_job(tmp_path, tiny, case):
    changes, message = WRONG[case]
    write_yaml(tmp_path / "wrong.yaml", edited(tiny, changes))
    ran = snakemake(tmp_path, "wrong.yaml")
    assert ran.code != 0
    assert message in ran.text
    assert "\nerror: wrong.yaml: " in f"\n{ran.text}"
    assert "Traceback" not in ran.text
    assert ".smk" not in ran.text, "it is the experiment that is wrong, not the workflow"
    assert {file.name for file in tmp_path.iterdir()} <= {"wrong.yaml", ".snakemake"}


def test_an_unknown_configuration_key_is_refused(tmp_path):
    ran = snakemake(tmp_path, "tiny.yaml", "--dry-run", config=["experimnt=x"])
    assert ran.code != 0
    assert "unknown key 'experimnt'. Did you mean 'experiment'?" in ran.text
    assert "Traceback" not in ran.text


def test_inversions_that_do_not_converge_fail_with_their_errors_and_are_kept(copied, tiny):
    changes = {"inversion.max_iterations": 1, "inversion.minimum_converged_fraction": 1.0, "inversion.random_seeds": [0]}
    write_yaml(copied / "short.yaml", edited(tiny, changes | {"models": tiny["models"][:1]}))
    ran = snakemake(copied, "short.yaml", "tables")
    assert ran.code != 0
    assert "Expected at least 100% of the images to reach the tolerance 0.2" in ran.text
    assert "layer penultimate, random seed 0: 0.0% converged, error median 0." in ran.text
    assert re.search(r"90th percentile [01]\.", ran.text)
    assert "Traceback" not in ran.text
    plan = planned(copied, "short.yaml")
    assert all(checked(copied / path) for path in plan.stage_paths("iri"))
    assert not any((copied / path).exists() for path in [*plan.stage_paths("score"), *plan.stage_paths("table")])


class TestATakenCheckpoint:
    @pytest.fixture
    def experiment(self, copied, tiny):
        """Take the weights that were trained here, from a file under another name."""
        weights = (copied / "weights.safetensors", first(copied, "checkpoint"))
        weights[0].write_bytes(weights[1].read_bytes())
        sha256 = hashlib.sha256(weights[0].read_bytes()).hexdigest()
        model = {"name": "taken", "architecture": "resnet8", "width": 2, "checkpoint": "weights.safetensors", "sha256": sha256}
        return edited(tiny, {"models": [model], "inversion.random_seeds": [0]})

    def test_gives_the_scores_of_the_trained_one(self, copied, experiment):
        ran = snakemake(copied, write_yaml(copied / "taken.yaml", experiment), "scores")
        assert ran.code == 0, ran.text
        assert ran.finished == {"checkpoint": 2, "inversion": 1, "representation": 1, "score": 1, "scores": 1}
        trained = pd.read_csv(copied / "results" / "tables" / "tiny.csv")
        trained = trained.query("reference_model == 'residual-0' and target_model == 'residual-0' and random_seed == 0")
        taken = read_scores(first(copied, "score", "taken.yaml")).rows
        assert len(taken) == len(trained) == 2
        assert list(taken["stir"]) == list(trained["stir"])

    def test_of_another_content_is_refused_and_named(self, copied, experiment):
        wrong = edited(experiment, {"models.0.sha256": "0" * 64})
        ran = snakemake(copied, write_yaml(copied / "taken.yaml", wrong), "checkpoints")
        assert ran.code != 0
        assert f"Expected SHA-256 {'0' * 64} of {copied / 'weights.safetensors'}; got" in ran.text
        assert "Traceback" not in ran.text
        assert not (copied / planned(copied, "taken.yaml").models[0].checkpoint.path).exists()
