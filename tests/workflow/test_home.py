"""Without a home folder, or with one that cannot be written to, caches lie where they are told to, and runs run."""

import os
import shutil
import subprocess

import pytest

from tests.experiment_files import ROOT, TINY
from tests.workflow.snakemake import snakemake

NOWHERE = "/proc/nowhere"


@pytest.mark.skipif(shutil.which("make") is None, reason="there is no make")
@pytest.mark.parametrize(
    ("home", "told", "cache"),
    [
        (None, None, f"{ROOT}/.snakemake/cache"),
        (NOWHERE, None, f"{ROOT}/.snakemake/cache"),
        (NOWHERE, "/told", "/told"),
        ("a folder", None, ""),
    ],
)
def test_make_keeps_caches_beside_the_run_where_the_home_cannot_be_written_to(tmp_path, home, told, cache):
    environment = {name: value for name, value in os.environ.items() if name not in ("HOME", "XDG_CACHE_HOME")}
    environment |= {} if home is None else {"HOME": str(tmp_path) if home == "a folder" else home}
    environment |= {} if told is None else {"XDG_CACHE_HOME": told}
    command = ["make", "--silent", "--eval", 'show:; @echo "$$XDG_CACHE_HOME"', "show"]
    ran = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == cache


def test_a_run_needs_no_home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", NOWHERE)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    shutil.copy(TINY, tmp_path)
    ran = snakemake(tmp_path, "tiny.yaml", "datasets")
    assert ran.code == 0, ran.text
    assert ran.finished == {"dataset": 1, "datasets": 1}
