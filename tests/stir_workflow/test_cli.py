"""`stir make` and `stir verify` report problems in one message and by their exit status."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner

from stir_workflow.cli import main
from stir_workflow.store import artifacts
from stir_workflow.store.artifacts import seal_path
from stir_workflow.store.facts import STAGES
from stir_workflow.store.identity import Recipe, key_in
from stir_workflow.store.stamps import stamp
from tests.stir_workflow.sealed import flip_a_bit, seal_one

DATASET = Recipe("dataset", 1, {"name": "digits", "n_test": 64, "random_seed": 0})
UNKNOWN_DATASET = Recipe("dataset", 1, {"name": "digitz", "n_test": 64, "random_seed": 0})


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch):
    """The current folder, as of a run."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def iris(tmp_path):
    return tmp_path / "results" / "iris"


def stir(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def refused(result):
    """Assert an error said in one message, and return it."""
    assert result.exit_code == 1
    assert isinstance(result.exception, SystemExit), result.exception
    assert result.stderr.startswith("error: ")
    assert "Traceback" not in result.output
    return result.stderr


def make(recipe, output, *arguments, **inputs):
    roles = [word for role, path in inputs.items() for word in (f"--{role}", path)]
    return stir("make", recipe.stage, *roles, *arguments, "--settings", json.dumps(recipe.settings), "--output", output)


def make_dataset(folder, recipe=DATASET):
    output = folder / "data" / f"digits-{recipe.key}.h5"
    return make(recipe, output), output


def test_make_makes_a_sealed_artifact(tmp_path):
    result, output = make_dataset(tmp_path)
    assert result.exit_code == 0
    assert output.is_file()
    assert seal_path(output).is_file()


def test_make_notes_time_and_memory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make(DATASET, Path(f"data/datasets/digits-{DATASET.key}.h5"))
    row = pd.read_csv(f"results/benchmarks/dataset/digits-{DATASET.key}.tsv", sep="\t").iloc[0]
    assert row["s"] > 0
    assert row["cpu_s"] > 0
    assert row["max_rss_mb"] > 10
    assert row["max_gpu_mb"] == 0


def test_make_notes_nothing_of_a_job_that_failed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result, _ = make_dataset(tmp_path, UNKNOWN_DATASET)
    assert result.exit_code == 1
    assert not list(tmp_path.rglob("*.tsv"))


def test_make_as_a_program_prints_no_traceback(tmp_path):
    command = [sys.executable, "-m", "stir_workflow", "make", "dataset", "--settings", "{}", "--output", "data/digits.h5"]
    ran = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert ran.returncode == 1
    assert ran.stderr.startswith("error: Expected a file name with the key")
    assert "Traceback" not in ran.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("settings", ["", "{", "[]", "7", "[" * 100_000])
def test_make_refuses_settings_that_are_no_json_object(settings):
    assert "expected a JSON object" in refused(stir("make", "dataset", "--output", "x.h5", "--settings", settings))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--settings", "{}"], "--output"),
        (["--output", "x.csv"], "--settings"),
        (["--output", "x.csv", "--settings", "{}", "--colour", "2"], "--colour"),
        (["--output", "x.csv", "--settings", "{}"], "expected one --representation; got 0"),
        (["--output", "x.csv", "--settings", "{}", "--representation", "a", "b"], "expected one --representation; got 2"),
        (["--output", "x.csv", "--settings", "{}", "--representation", "a"], "expected one or more --iris; got 0"),
        (
            ["--output", "x.csv", "--settings", "{}", "--representation", "a", "--iris", "b"],
            "a file called NAME-KEY.SUFFIX; got a",
        ),
    ],
)
def test_make_refuses_arguments_that_are_missing_or_unknown(arguments, message):
    assert message in refused(stir("make", "score", *arguments))


def test_make_refuses_a_stage_that_it_does_not_know():
    result = stir("make", "datasets")
    assert result.exit_code == 2
    assert "'datasets' is not one of 'dataset'" in result.stderr


def test_make_refuses_settings_that_nothing_can_be_made_from(tmp_path):
    result, output = make_dataset(tmp_path, UNKNOWN_DATASET)
    assert "Did you mean 'digits'?" in refused(result)
    assert not output.exists()


OUTSIDE = ("../x.h5", "/tmp/x.h5", "x.h5", "data/../x.h5", "data/link/x.h5", "data", "")


@pytest.mark.parametrize("output", OUTSIDE)
def test_make_writes_to_data_and_results_alone(tmp_path, output):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "link").symlink_to(tmp_path)
    assert "Expected a path inside data/ or results/" in refused(make(DATASET, output))
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_make_writes_no_benchmark_through_a_link(tmp_path):
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "benchmarks").symlink_to(tmp_path)
    assert "Expected a path inside data/ or results/" in refused(make_dataset(Path())[0])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["results"]


ATTACK = {"norm": "l2", "eps": 1.0, "steps": 1, "step_size": 1.0}
SETTINGS = {"attacks": [ATTACK], "threads": 1, "batch_size": 8}


def evaluate(folder, made, *arguments):
    """Evaluate a file as if it were a checkpoint, on itself as if it were a dataset."""
    keys = dict.fromkeys(("checkpoint", "dataset"), key_in(Path(made)))
    recipe = Recipe("evaluation", STAGES["evaluation"].version, SETTINGS, keys)
    return make(recipe, folder / "results" / f"x-{recipe.key}.json", *arguments, checkpoint=made, dataset=made)


def test_make_refuses_an_absent_input(tmp_path):
    message = refused(evaluate(tmp_path, f"{tmp_path}/absent-0123456789.h5"))
    assert "absent-0123456789.h5; there is no such file" in message


def test_make_refuses_an_altered_input(tmp_path):
    _, dataset = make_dataset(tmp_path)
    flip_a_bit(dataset)
    assert "SHA-256 differs" in refused(evaluate(tmp_path, dataset))


def test_make_on_a_gpu_is_refused_where_there_is_none(tmp_path, monkeypatch):
    monkeypatch.setenv("STIR_GPUS", "")
    _, dataset = make_dataset(tmp_path)
    assert "Expected a GPU, since the device is cuda" in refused(evaluate(tmp_path, dataset, "--device", "cuda"))


def test_verify_counts_good_ones(iris):
    for layer in ("stage1", "stage2"):
        seal_one(iris / layer, layer)
    result = stir("verify", iris)
    assert result.exit_code == 0
    assert "2 artifacts match their seals, 0 do not" in result.output


def test_verify_names_bad_ones_and_fails(iris):
    paths = [seal_one(iris, layer) for layer in ("stage1", "stage2", "stage3")]
    flip_a_bit(paths[1])
    paths[2].write_bytes(b"")
    result = stir("verify", iris)
    assert result.exit_code == 1
    assert "1 artifacts match their seals, 2 do not" in result.output
    assert paths[1].name in result.stderr
    assert paths[2].name in result.stderr
    assert paths[0].name not in result.stderr
    assert "Run the workflow" in result.output
    assert not paths[1].exists()
    assert {path.name for path in (iris / ".quarantine").iterdir()} == {
        f"{path.name}.0{seal}" for path in paths[1:] for seal in ("", ".json")
    }
    assert stir("verify", iris).exit_code == 0, "what was set aside is not looked at again"


def test_verify_moves_nothing_if_it_is_to_look(iris):
    path = seal_one(iris)
    flip_a_bit(path)
    for _ in range(2):
        result = stir("verify", iris, "--look")
        assert result.exit_code == 1
        assert f"The content of {path} is not what its seal says" in result.stderr
    assert len(list(iris.iterdir())) == 2


def test_verify_remembers_what_was_good_unless_it_is_to_read_every_byte(tmp_path, monkeypatch):
    (tmp_path / ".snakemake").mkdir()
    seal_one(tmp_path / "results" / "iris")
    assert stir("verify").exit_code == 0
    monkeypatch.setattr(artifacts, "sha256_of", lambda path: "read again")
    assert stir("verify").exit_code == 0
    assert "SHA-256 differs" in stir("verify", "--deep", "--look").stderr


def test_verify_leaves_no_memory_where_no_workflow_runs(tmp_path, monkeypatch):
    seal_one(tmp_path / "results" / "iris")
    assert stir("verify").exit_code == 0
    assert [path.name for path in tmp_path.iterdir()] == ["results"]


def test_verify_tells_of_what_nothing_vouches_for_and_does_not_fail(iris):
    unsealed, alone, good = (seal_one(iris, layer) for layer in ("stage1", "stage2", "stage3"))
    seal_path(unsealed).unlink()
    alone.unlink()
    (iris / "notes.txt").write_text("mine")
    result = stir("verify", iris)
    assert result.exit_code == 0
    assert f"{unsealed} has no seal" in result.stderr
    assert f"{seal_path(alone)} is a seal without an artifact" in result.stderr
    assert "notes.txt is not an artifact" in result.stderr
    assert good.name not in result.stderr
    assert unsealed.exists()


def test_verify_finds_links_that_point_nowhere(iris):
    path = seal_one(iris)
    path.unlink()
    path.symlink_to(iris / "dvc" / "cache")
    result = stir("verify", iris)
    assert result.exit_code == 1
    assert "where there is no file. Bring that back (dvc pull), or remake it" in result.stderr


def test_verify_says_what_cannot_be_moved(iris):
    path = seal_one(iris)
    flip_a_bit(path)
    (iris / ".quarantine").write_text("in the way")
    assert f"{path} is bad and cannot be moved" in refused(stir("verify", iris))


def test_verify_does_not_pass_over_a_named_file_without_a_seal(iris):
    path = seal_one(iris)
    seal_path(path).unlink()
    result = stir("verify", path)
    assert result.exit_code != 0
    assert "has no seal" in result.stderr
    assert path.exists(), "it may be any file"


def test_verify_does_not_pass_over_a_misspelt_path(tmp_path):
    assert stir("verify", tmp_path / "resluts").exit_code != 0


def test_verify_reads_data_and_results_if_nothing_is_named(tmp_path, monkeypatch):
    seal_one(tmp_path / "results" / "iris" / "deeper")
    flip_a_bit(seal_one(tmp_path / "results" / "iris", "stage1"))
    result = stir("verify")
    assert result.exit_code == 1
    assert "1 artifacts match their seals, 1 do not" in result.output


@pytest.mark.parametrize("harm", [lambda file: file.write_text("stir\n0.9\n"), lambda file: file.unlink()])
def test_verify_names_a_table_that_its_stamp_does_not_stand_for(tmp_path, harm):
    recipe = Recipe("table", 1)
    path = tmp_path / "results" / "tables" / f"tiny-{recipe.key}.stamp"
    table = path.with_suffix("") / "tiny.csv"
    table.parent.mkdir(parents=True)
    table.write_text("stir\n0.5\n")
    stamp(path, recipe, [table])
    assert stir("verify", tmp_path).exit_code == 0
    harm(table)
    result = stir("verify", tmp_path)
    assert result.exit_code == 1
    assert "0 artifacts match their seals, 1 do not" in result.output
    assert str(table) in result.stderr


class TestVerifyLeaves:
    """What is not proved to be this project's, byte for byte."""

    def contents(self, folder):
        return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    @pytest.mark.parametrize("name", ["images.npy", "images-1764201600.h5", "images-1764201600.csv"])
    def test_the_users_own_files_beside_json_of_theirs(self, tmp_path, name):
        for file in (name, f"{name}.json"):
            (tmp_path / "data" / "mine").mkdir(parents=True, exist_ok=True)
            (tmp_path / "data" / "mine" / file).write_text('{"sha256": 0, "recipe": {}}')
        before = self.contents(tmp_path)
        assert stir("verify").exit_code == 0
        assert self.contents(tmp_path) == before

    def test_an_artifact_whose_seal_is_not_whole_and_names_it(self, iris):
        path = seal_one(iris)
        flip_a_bit(seal_path(path))
        result = stir("verify")
        assert result.exit_code == 1
        assert f"{path.name} has" in result.stderr or f"{path.name}.json cannot be read" in result.stderr
        assert "It was left" in result.stderr
        assert path.exists()

    def test_a_bad_copy_of_an_artifact_elsewhere(self, tmp_path):
        path = seal_one(tmp_path / "data" / "mine")
        flip_a_bit(path)
        before = self.contents(tmp_path)
        result = stir("verify")
        assert result.exit_code == 1
        assert "It was left" in result.stderr
        assert self.contents(tmp_path) == before

    def test_what_lies_outside_the_project(self, tmp_path, monkeypatch):
        flip_a_bit(seal_one(tmp_path / "results" / "iris"))
        (tmp_path / "other").mkdir()
        monkeypatch.chdir(tmp_path / "other")
        before = self.contents(tmp_path)
        assert stir("verify", tmp_path / "results").exit_code == 1
        assert self.contents(tmp_path) == before

    @pytest.mark.parametrize("content", ["FIFO", "9" * 5000, "[" * 10**5])
    def test_and_does_not_wait_for_a_memory_that_is_none(self, tmp_path, iris, content):
        (tmp_path / ".snakemake").mkdir()
        memory = tmp_path / ".snakemake" / "stir-verified.json"
        if content == "FIFO":
            os.mkfifo(memory)
        else:
            memory.write_text(content)
        seal_one(iris)
        assert stir("verify").exit_code == 0

    @pytest.mark.parametrize("name", [b"\xff-0123456789.h5", b"\x1b[31m-0123456789.h5", b"a\nb-0123456789.h5"])
    def test_and_escapes_names_that_are_no_text(self, iris, name):
        seal_one(iris)
        (iris / os.fsdecode(name)).write_text("mine")
        result = stir("verify")
        assert result.exit_code == 0
        (line,) = [line for line in result.stderr.splitlines() if "-0123456789.h5" in line]
        assert line.isprintable()
        assert "has no seal" in line


class TestModels:
    def test_addresses_that_contain_a_text_are_listed(self):
        assert stir("models", "stir:RESNET").output.split() == [f"stir:resnet{n}" for n in (8, 18, 34, 50)]
        assert "torchvision:resnet18" in json.loads(stir("models", "torchvision:", "--json").output)

    def test_a_text_that_no_address_contains_is_refused_with_near_ones(self):
        assert "Did you mean 'stir:resnet8'" in refused(stir("models", "stir:resnet9"))

    def test_a_library_that_is_not_installed_says_how_to_install_it(self, monkeypatch):
        from stir.models.providers import open_clip_models

        open_clip_models.names.cache_clear()
        monkeypatch.setitem(sys.modules, "open_clip", None)
        assert "pip install 'stir-workflow[open_clip]'" in refused(stir("models", "open_clip:RN50"))
