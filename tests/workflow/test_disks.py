"""A disk that is full or read-only: it is said, and nothing that was done is lost."""

import re
import shutil
import subprocess
import sys
from contextlib import contextmanager, suppress

import pytest

from stir_workflow.store.artifacts import checked
from tests.experiment_files import TINY, edited, write_yaml
from tests.small_disk import mount, small_disk
from tests.workflow.snakemake import contents, planned, snakemake


@pytest.fixture
def disk(tmp_path):
    """A folder with a file system of 350 kB: the tiny experiment does not fit."""
    with small_disk(tmp_path / "disk", 350) as folder:
        yield folder


def test_a_full_disk_is_said_and_what_was_done_is_kept(finished, disk):
    shutil.copy(TINY, disk)
    full = snakemake(disk, "tiny.yaml")
    assert full.code != 0
    assert re.search(r"error: .*: Cannot write ", full.text)
    said = r"No space left on device \(0\.\d MB are free\)\. Free some space there, and run the same command again"
    assert re.search(said, full.text)
    assert "Traceback" not in full.text
    of_rules = planned(disk).closure("publication")
    done = [path for path in of_rules if (disk / path).exists()]
    assert done
    assert all(checked(disk / path) for path in done)
    assert not [file for file in disk.rglob("*.tmp*") if "snapshot" not in file.name], "it would fill the disk further"
    mount("-o", "remount,size=20m", disk)
    ran = snakemake(disk, "tiny.yaml")
    assert ran.code == 0, ran.text
    assert sum(ran.finished.values()) == len(of_rules) - len(done) + 1
    assert contents(disk) == contents(finished)


def test_a_read_only_results_folder_is_said_before_a_job_starts(copied, tiny):
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


@contextmanager
def read_only(folder):
    mount("--bind", folder, folder)
    try:
        mount("-o", "remount,ro,bind", folder)
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


@contextmanager
def full(folder):
    """Move a folder's files to a disk that they fill."""
    kept = shutil.move(folder, folder.with_name("kept"))
    with small_disk(folder, 12_000):
        shutil.copytree(kept, folder, dirs_exist_ok=True)
        with suppress(OSError), (folder / "filling").open("wb") as file:
            while True:
                file.write(bytes(4096))
        yield


def stir(folder, *arguments):
    command = [sys.executable, "-m", "stir_workflow", *arguments]
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return ran.returncode, ran.stdout + ran.stderr


@pytest.mark.parametrize("state", ["with Snakemake's state", "without"])
@pytest.mark.parametrize("how", [read_only, full])
def test_a_finished_experiment_needs_no_writing(copied, tiny, how, state):
    write_yaml(copied / "other.yaml", edited(tiny, {"inversion.tolerance": 0.3}))
    if state == "without":
        shutil.rmtree(copied / ".snakemake")
    with how(copied):
        ran = [snakemake(copied, "tiny.yaml", *arguments) for arguments in ([], ["--dry-run"])]
        looked = [stir(copied, "verify", *arguments) for arguments in ([], ["--look"])]
        refused = snakemake(copied, "other.yaml")
    for done in ran:
        assert done.code == 0, done.text
        assert "Nothing to be done" in done.text
    assert all(code == 0 and "match their seals, 0 do not" in said for code, said in looked)
    assert refused.code != 0
    assert "error: Cannot write " in refused.text
    assert not any("Traceback" in text for text in (refused.text, *(done.text for done in ran), *(said for _, said in looked)))
    assert refused.finished == {}
