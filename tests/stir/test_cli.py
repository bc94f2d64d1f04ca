"""`stir make` and `stir verify` say what is wrong in one message and by their exit status."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from stir.artifacts import seal_path
from stir.cli import main
from stir.identity import Recipe
from tests.stir.sealed import flip_a_bit, seal_one

ROOT = Path(__file__).resolve().parents[2]
DATASET = Recipe("dataset", 1, {"name": "digits", "n_test": 64, "random_seed": 0})


def stir(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def refused(result):
    """Assert an error said in one message, and return it."""
    assert result.exit_code == 1
    assert isinstance(result.exception, SystemExit), result.exception
    assert result.stderr.startswith("error: ")
    assert "Traceback" not in result.output
    return result.stderr


def make_dataset(folder, recipe=DATASET, key=None):
    output = folder / f"digits-{key or recipe.key}.h5"
    return stir("make", "dataset", "--recipe", recipe.to_json(), "--output", output), output


def test_make_makes_a_sealed_artifact(tmp_path):
    result, output = make_dataset(tmp_path)
    assert result.exit_code == 0
    assert output.is_file()
    assert seal_path(output).is_file()


def test_make_as_a_program_prints_no_traceback(tmp_path):
    arguments = ["make", "dataset", "--recipe", DATASET.to_json(), "--output", str(tmp_path / "digits.h5")]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    ran = subprocess.run(
        [sys.executable, "-m", "stir", *arguments], capture_output=True, text=True, env=environment, cwd=tmp_path, check=False
    )
    assert ran.returncode == 1
    assert ran.stderr.startswith("error: Expected a file name with the key")
    assert "Traceback" not in ran.stderr


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"stage": "dataset", "version": 1, "colour": 2}'])
def test_make_refuses_what_is_no_recipe(tmp_path, text):
    refused(stir("make", "dataset", "--recipe", text, "--output", tmp_path / "x.h5"))
    assert list(tmp_path.iterdir()) == []


def test_make_refuses_settings_that_nothing_can_be_made_from(tmp_path):
    recipe = Recipe("dataset", 1, {"name": "digitz", "n_test": 64, "random_seed": 0})
    result, output = make_dataset(tmp_path, recipe)
    assert "Did you mean 'digits'?" in refused(result)
    assert not output.exists()


def test_make_refuses_an_absent_input(tmp_path):
    attack = {"norm": "l2", "eps": 1.0, "steps": 1, "step_size": 1.0}
    recipe = Recipe("evaluation", 1, {"attack": attack, "threads": 1, "batch_size": 8}, {"checkpoint": "x", "dataset": "y"})
    output = tmp_path / f"x-{recipe.key}.json"
    inputs = [word for role in ("checkpoint", "dataset") for word in ("--input", f"{role}={tmp_path}/absent.h5")]
    message = refused(stir("make", "evaluation", "--recipe", recipe.to_json(), "--output", output, *inputs))
    assert "absent.h5; there is no such file" in message
    assert "Expected one input 'dataset'" in refused(
        stir("make", "evaluation", "--recipe", recipe.to_json(), "--output", output, *inputs[:2])
    )


def test_make_refuses_an_altered_input(tmp_path):
    _, dataset = make_dataset(tmp_path)
    flip_a_bit(dataset)
    attack = {"norm": "l2", "eps": 1.0, "steps": 1, "step_size": 1.0}
    recipe = Recipe("evaluation", 1, {"attack": attack, "threads": 1, "batch_size": 8})
    output = tmp_path / f"x-{recipe.key}.json"
    message = refused(
        stir("make", "evaluation", "--recipe", recipe.to_json(), "--output", output, "--input", f"dataset={dataset}")
    )
    assert "SHA-256 differs" in message


def test_make_on_a_gpu_is_refused_where_there_is_none(tmp_path, monkeypatch):
    monkeypatch.setenv("STIR_GPUS", "")
    recipe = Recipe("evaluation", 1, {})
    arguments = ("--recipe", recipe.to_json(), "--output", tmp_path / f"x-{recipe.key}.json", "--device", "cuda")
    assert "Expected a GPU, since the device is cuda" in refused(stir("make", "evaluation", *arguments))


def test_make_refuses_an_unknown_stage(tmp_path):
    result = stir("make", "datasets", "--recipe", DATASET.to_json(), "--output", tmp_path / "x.h5")
    assert result.exit_code == 2
    assert "'dataset'" in result.stderr


def test_verify_counts_good_ones(tmp_path):
    for layer in ("stage1", "stage2"):
        seal_one(tmp_path / layer, layer)
    result = stir("verify", tmp_path)
    assert result.exit_code == 0
    assert "2 artifacts are as their seals say, 0 are not" in result.output


def test_verify_names_bad_ones_and_fails(tmp_path):
    paths = [seal_one(tmp_path, layer) for layer in ("stage1", "stage2", "stage3")]
    flip_a_bit(paths[1])
    paths[2].write_bytes(b"")
    result = stir("verify", tmp_path)
    assert result.exit_code == 1
    assert "1 artifacts are as their seals say, 2 are not" in result.output
    assert paths[1].name in result.stderr
    assert paths[2].name in result.stderr
    assert paths[0].name not in result.stderr
    assert paths[1].exists(), "it looks, and moves nothing"


def test_verify_does_not_pass_over_a_named_file_without_a_seal(tmp_path):
    path = seal_one(tmp_path)
    seal_path(path).unlink()
    assert stir("verify", path).exit_code != 0


def test_verify_does_not_pass_over_a_misspelt_path(tmp_path):
    assert stir("verify", tmp_path / "resluts").exit_code != 0


def test_verify_reads_data_and_results_if_nothing_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    seal_one(tmp_path / "data" / "datasets")
    flip_a_bit(seal_one(tmp_path / "results" / "iris", "stage1"))
    result = stir("verify")
    assert result.exit_code == 1
    assert "1 artifacts are as their seals say, 1 are not" in result.output
