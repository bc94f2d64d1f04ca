"""A disk that is full or read-only: it is said, and nothing that was done is lost."""

import os
import shutil
import subprocess

import pytest

from stir.artifacts import checked
from tests.experiment_files import TINY, edited, write_yaml
from tests.workflow.snakemake import contents, planned, snakemake


def mount(*arguments):
    """Mount a file system, or skip the test where that is not allowed."""
    ran = subprocess.run(["mount", *map(str, arguments)], capture_output=True, text=True, check=False)
    if ran.returncode != 0:
        pytest.skip(f"cannot mount a file system here: {ran.stderr.strip()}")


@pytest.fixture
def small_disk(tmp_path):
    """A folder with a file system of 350 kB: the tiny experiment does not fit."""
    if os.getuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root can mount a small file system")
    folder = tmp_path / "disk"
    folder.mkdir()
    mount("-t", "tmpfs", "-o", "size=350k", "none", folder)
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def test_a_full_disk_is_said_and_what_was_done_is_kept(finished, small_disk):
    shutil.copy(TINY, small_disk)
    full = snakemake(small_disk, "tiny.yaml")
    assert full.code != 0
    assert "error: Cannot write " in full.text
    assert "No space left on device (0.0 MB are free). Free some space there, and run the same command again" in full.text
    assert "Traceback" not in full.text
    done = [path for path in planned(small_disk).paths() if (small_disk / path).exists()]
    assert done
    assert all(checked(small_disk / path) for path in done)
    assert not [file for file in small_disk.rglob("*.tmp*") if "snapshot" not in file.name], "it would fill the disk further"
    mount("-o", "remount,size=20m", small_disk)
    ran = snakemake(small_disk, "tiny.yaml")
    assert ran.code == 0, ran.text
    assert sum(ran.finished.values()) == len(planned(small_disk).paths()) - len(done) + 1
    assert contents(small_disk) == contents(finished)


def test_a_read_only_results_folder_is_said_before_a_job_starts(copied, tiny):
    if os.getuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root can mount a folder read-only")
    before, results = contents(copied), copied / "results"
    mount("--bind", results, results)
    try:
        mount("-o", "remount,ro,bind", results)
        nothing = snakemake(copied, "tiny.yaml")
        write_yaml(copied / "tiny.yaml", edited(tiny, {"inversion.tolerance": 0.3}))
        ran = snakemake(copied, "tiny.yaml")
    finally:
        subprocess.run(["umount", "--lazy", results], check=True)
    assert "Nothing to be done" in nothing.text, "a finished experiment needs no writing"
    assert ran.code != 0
    assert "error: Cannot write results: Read-only file system. Mount it for writing" in ran.text
    assert "Traceback" not in ran.text
    assert ran.finished == {}
    assert contents(copied) == before
