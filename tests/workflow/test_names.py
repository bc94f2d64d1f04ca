"""Names are data: none runs a command, and blanks, quotes and braces in paths change nothing."""

import hashlib
import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from stir.data.fingerprints import fingerprint
from stir_workflow.planning.announcing import announcement
from tests.experiment_files import ROOT, TINY, edited, read_yaml, write_yaml
from tests.workflow.snakemake import planned, snakemake

COMMAND = "$(touch PWNED)`touch PWNED`;touch PWNED;\"'{x}"


def test_paths_with_blanks_quotes_braces_and_commands_work(copied):
    folder = copied.rename(copied.with_name(f"my project {COMMAND}"))
    for name in ("my folder", "my weights", "my scans"):
        (folder / name).mkdir()
    weights, scans = folder / "my weights" / f"w {COMMAND}.safetensors", folder / "my scans" / f"a {COMMAND}.npz"
    (folder / planned(folder).models[0].checkpoint.path).rename(weights)
    generator = np.random.default_rng(0)
    np.savez(scans, images=generator.integers(0, 255, (80, 1, 8, 8), dtype=np.uint8), labels=np.arange(80) % 10)
    model = {"name": "taken", "architecture": "resnet8", "width": 2, "checkpoint": f"../my weights/{weights.name}"}
    model["sha256"] = hashlib.sha256(weights.read_bytes()).hexdigest()
    own = {"name": "scans", "path": f"../my scans/{scans.name}", "format": "numpy", "image_shape": [1, 8, 8], "n_classes": 10}
    dataset = {**own, "n_test": 64, "fingerprint": fingerprint(scans)}
    experiment = edited(read_yaml(TINY), {"models": [model], "inversion.random_seeds": [0], "dataset": dataset})
    write_yaml(folder / "my folder" / "a b.yaml", experiment)
    ran = snakemake(folder, "my folder/a b.yaml")
    assert ran.code == 0, ran.text
    assert len(pd.read_csv(folder / "results" / "tables" / "a_b.csv")) == 2
    assert (folder / "results" / "figures" / "a_b-penultimate-images.png").is_file()
    assert not list(folder.parent.rglob("PWNED*"))


@pytest.mark.parametrize(
    ("file", "changes", "config", "said"),
    [
        ("tiny.yaml", {"dataset.name": "$(touch PWNED)"}, [], "dataset.name: expected a name of letters"),
        ("$(touch PWNED).yaml", {}, [], "rename the file"),
        ("tiny.yaml", {}, ["scale=`touch PWNED`"], "Unknown scale '`touch PWNED`'"),
    ],
)
def test_no_name_runs_a_command(tmp_path, tiny, file, changes, config, said):
    write_yaml(tmp_path / file, edited(tiny, changes))
    ran = snakemake(tmp_path, file, config=config)
    assert ran.code != 0
    assert said in ran.text
    assert "Traceback" not in ran.text
    assert {path.name for path in tmp_path.iterdir()} <= {file, ".snakemake"}


COMMANDS = ["--dag", "--summary", "--unlock"]
MORE_COMMANDS = ["--rulegraph", "--filegraph", "--d3dag", "--detailed-summary", "--report", "--list-rules", "--list-target-rules"]
MORE_COMMANDS += [
    "--list-input-changes",
    "--list-params-changes",
    "--list-changes code",
    "--list-untracked",
    "--print-compilation",
]
MORE_COMMANDS += [
    "--delete-all-output --dry-run",
    "--delete-temp-output",
    "--archive all.tar.gz",
    "--containerize",
    "--cleanup-shadow",
]
MORE_COMMANDS += ["--list-conda-envs", "--dag mermaid-js", "--dry-run", "--touch"]


@pytest.mark.parametrize("command", [*COMMANDS, *(pytest.param(command, marks=pytest.mark.long) for command in MORE_COMMANDS)])
def test_what_needs_no_cores_asks_for_none(copied, command):
    ran = snakemake(copied, "tiny.yaml", *command.split(), cores=())
    assert ran.code == 0, ran.text


@pytest.fixture
def make(tmp_path):
    """Run make with an environment in which the programs only print their arguments."""
    programs = tmp_path / "venv" / "bin"
    programs.mkdir(parents=True)
    for stamp in (".installed", ".dev-installed"):
        (tmp_path / "venv" / stamp).touch()
    (programs / "snakemake").write_text("#!/bin/sh\nprintf '<%s>' \"$@\"\n")
    printed = "-P-mstir_workflow | -mscripts.* | benchmarks/*"
    (programs / "python").write_text(
        f'#!/bin/sh\ncase $1$2$3 in {printed}) printf "<%s>" "$@" ;; *) exec "{sys.executable}" "$@" ;; esac\n'
    )
    for program in programs.iterdir():
        program.chmod(0o755)

    def run(*arguments):
        without = {name: value for name, value in os.environ.items() if name not in ("EXPERIMENT", "SCALE", "MAKEFLAGS")}
        command = ["make", "-s", "-C", ROOT, *arguments, f"VENV={tmp_path / 'venv'}"]
        ran = subprocess.run(command, capture_output=True, text=True, check=False, env=without)
        assert not [*ROOT.glob("PWNED*"), *tmp_path.rglob("PWNED*")]
        return ran.stdout + ran.stderr

    return run


def test_make_runs_a_file_with_blanks_and_says_where_its_tables_are(make, tmp_path):
    (tmp_path / "my folder").mkdir()
    path = tmp_path / "my folder" / "a b.yaml"
    write_yaml(path, read_yaml(TINY))
    assert f"<run><--scale><><--><{path}>" in make("run", f"EXPERIMENT={path}")
    places = "Tables: results/tables/a_b*.csv   Figures: results/figures/a_b-*.png   Report: results/report/a_b.html"
    assert announcement(str(path)) == places


def test_make_takes_the_scale_of_any_experiment(make):
    assert "<run><--scale><full><--><random_init,defences>" in make("run", "EXPERIMENT=random_init,defences", "SCALE=full")
    said = announcement("random_init,defences", "full")
    assert "results/tables/random_init-full*.csv" in said
    assert "results/tables/defences-full*.csv" in said
    assert "<run><--scale><><--><quickstart>" in make("run")
    assert "<run><--scale><><--><>" in make("run", "EXPERIMENT=")
    assert "results/tables/quickstart*.csv" in announcement("quickstart")
    assert "<scale=full><-m><scripts.poster><full><results>" in make("poster")
    assert "<scale=small><-m><scripts.poster><small><results>" in make("poster", "SCALE=small")


@pytest.mark.parametrize("text", [COMMAND, "$(shell touch PWNED)", "$(file >PWNED)", "x\ntouch PWNED", "$$(touch PWNED)", "$x"])
def test_make_takes_no_value_for_code(make, text):
    said = make("run", f"EXPERIMENT={text}", f"SCALE={text}")
    assert f"<run><--scale><{text}><--><{text}>" in said
    assert f"<benchmarks/scale.py><{text.split()[0]}>" in make("bench-scale", f"ARGUMENTS={text}")
    assert "Python 3.11 or newer is needed" in make("run", f"PYTHON={text}")
    assert f"invalid literal for int() with base 10: {text!r}" in make("fuzz", f"EXAMPLES={text}")
