"""The wheel: what `python -m build` makes of the tree, and what works where only it is installed."""

import os
import subprocess
import sys
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCES = {ROOT: "stir", ROOT / "workflow": "stir_workflow"}
"""Folder -> the package in it."""
LEFT_OUT = {"__pycache__"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Build the wheel of a copy of the tree, so that the build leaves nothing in the tree."""
    tree, folder = tmp_path_factory.mktemp("tree"), tmp_path_factory.mktemp("wheel")
    tracked = subprocess.run(["git", "-C", ROOT, "ls-files", "-z"], capture_output=True, text=True, check=True).stdout
    for name in filter(None, tracked.split("\0")):
        if (ROOT / name).is_file() and name.startswith(("stir/", "workflow/", "pyproject.toml", "README.md", "LICENSE")):
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            (tree / name).write_bytes((ROOT / name).read_bytes())
    build = [sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", folder, tree]
    ran = subprocess.run(build, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """Run `stir` where the packages are only those of the wheel."""
    site, elsewhere = tmp_path_factory.mktemp("site"), tmp_path_factory.mktemp("elsewhere")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)

    def run(*arguments):
        command = [sys.executable, "-P", *arguments]
        environment = os.environ | {"PYTHONPATH": str(site)}
        return subprocess.run(command, capture_output=True, text=True, check=False, cwd=elsewhere, env=environment), site

    return run


def test_the_wheel_has_every_file_of_both_packages_and_no_tests(wheel):
    expected = {
        path.relative_to(folder).as_posix()
        for folder, package in SOURCES.items()
        for path in (folder / package).rglob("*")
        if path.is_file() and not LEFT_OUT & {*path.parts}
    }
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert names == expected


def test_the_metadata_of_the_wheel_says_python_licence_and_command(wheel):
    with zipfile.ZipFile(wheel) as archive:
        (metadata,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        (commands,) = (name for name in archive.namelist() if name.endswith(".dist-info/entry_points.txt"))
        said = Parser().parsestr(archive.read(metadata).decode())
        assert "stir = stir_workflow.cli:main" in archive.read(commands).decode()
    assert said["Requires-Python"] == ">=3.11"
    assert said["License-Expression"] == "MIT"
    assert {"numpy>=1.26", "pandas>=2.2", "torch>=2.6"} <= {*said.get_all("Requires-Dist")}
    assert not [line for line in said.get_all("Requires-Dist") if line.startswith("pytest") and "extra" not in line]


def test_the_library_of_the_wheel_scores(installed):
    lines = "import numpy, stir; x = numpy.random.default_rng(0).normal(size=(20, 5)); "
    lines += "print(stir.__file__); print(stir.similarity.linear_cka(x, x))"
    ran, site = installed("-c", lines)
    assert ran.returncode == 0, ran.stderr
    path, score = ran.stdout.split()
    assert site in Path(path).parents
    assert float(score) == pytest.approx(1)


def test_stir_measures_works_from_the_wheel(installed):
    ran, _ = installed("-m", "stir_workflow", "measures", "cka")
    assert ran.returncode == 0, ran.stderr
    assert "linear_cka" in ran.stdout


def test_stir_run_from_the_wheel_says_that_it_needs_a_clone(installed):
    ran, _ = installed("-m", "stir_workflow", "run", "quickstart")
    assert ran.returncode == 1
    assert "Expected the workflow's Snakefile" in ran.stderr
    assert "clone" in ran.stderr
