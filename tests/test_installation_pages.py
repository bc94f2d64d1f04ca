"""Installing: versions and times that the pages show, the scripts that measure them, and the jobs of continuous integration."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.version import Version

from scripts import first_score, version_matrix

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
JOBS = yaml.safe_load((ROOT / ".github/workflows/test.yaml").read_text(encoding="utf-8"))["jobs"]
MINUTES = 5


def rows_of(page, begin, end):
    """Return the cells of the table between two comments of a page."""
    block = page.read_text(encoding="utf-8").split(begin)[1].split(end)[0]
    head, _, *rows = [line.strip("| ").split(" | ") for line in block.strip().split("\n\n")[0].splitlines()]
    return [dict(zip(head, row, strict=True)) for row in rows]


@pytest.fixture
def versions():
    rows = rows_of(version_matrix.PAGE, version_matrix.BEGIN, version_matrix.END)
    return {row["versions"]: row for row in rows}


def test_the_page_shows_both_ends_and_no_failure(versions):
    assert tuple(versions) == version_matrix.ENDS
    for row in versions.values():
        assert re.match(r"\d{3,} passed", row["tests"])
        assert "failed" not in row["tests"]
        assert "error" not in row["tests"]


def test_the_oldest_end_of_the_page_is_that_of_the_project(versions):
    lowest = {each.name: each for each in map(Requirement, PROJECT["dependencies"])}
    for name in version_matrix.SHOWN:
        (bound,) = lowest[name].specifier
        assert (bound.operator, Version(bound.version)) == (">=", Version(versions["oldest"][name])), "make version-matrix"
    assert (
        Version(".".join(versions["oldest"]["Python"].split(".")[:2])) in Requirement(f"x{PROJECT['requires-python']}").specifier
    )


def test_the_oldest_end_is_every_lower_bound_and_the_newest_is_free():
    oldest = version_matrix.requirements("oldest")
    assert len(oldest) == len(PROJECT["dependencies"])
    assert all(re.fullmatch(r"[\w.-]+==[\d.]+", each) for each in oldest)
    assert version_matrix.requirements("newest") == []


def test_tests_of_the_library_alone_are_chosen():
    chosen = version_matrix.tests()
    assert {"tests/stir/test_tables.py", "tests/stir/similarity/test_chunks.py"} <= {*chosen}
    assert "tests/stir/test_locks.py" not in chosen, "it needs the workflow's package"
    assert len(chosen) > 80


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        (
            "...\n3 failed, 12 passed, 1 skipped, 5 deselected, 7 warnings, 2 errors in 9.21s",
            "3 failed, 12 passed, 1 skipped, 2 errors",
        ),
        ("12 passed in 145.22s (0:02:25)\n", "12 passed"),
        ("ERROR: not found: x", "ERROR: not found: x"),
    ],
)
def test_what_pytest_counts_is_read(output, expected):
    assert version_matrix.counted(output) == expected


def test_versions_that_cannot_be_installed_are_shown_with_the_reason_and_leave_the_page(tmp_path, monkeypatch, capsys):
    def run(command, **kwargs):
        (Path(command[4]) if "build" in command else tmp_path).mkdir(exist_ok=True)
        if "--outdir" in command:
            (Path(command[4]) / "stir.whl").touch()
        lacking = any("torch==" in str(word) for word in command)
        return subprocess.CompletedProcess(command, int(lacking), "ERROR: x\nERROR: No matching distribution for torch==2.6\n")

    monkeypatch.setattr(version_matrix, "_run", run)
    page = tmp_path / "page.md"
    page.write_text(f"{version_matrix.BEGIN}\n{version_matrix.table([['oldest', 'kept']])}\n{version_matrix.END}")
    before = page.read_text()
    monkeypatch.setattr(version_matrix, "PAGE", page)
    with pytest.raises(SystemExit, match="to pass with the oldest versions"):
        version_matrix.main(["oldest"])
    assert page.read_text() == before
    assert "| oldest | not installed |" in (printed := capsys.readouterr().out)
    assert printed.rstrip().endswith("No matching distribution for torch==2.6 |")


def test_an_end_that_passed_replaces_its_row_alone(tmp_path, monkeypatch):
    page = tmp_path / "page.md"
    page.write_text(
        f"{version_matrix.BEGIN}\n{version_matrix.table([['oldest', 'kept'], ['newest', 'old']])}\n{version_matrix.END}"
    )
    monkeypatch.setattr(version_matrix, "PAGE", page)
    monkeypatch.setattr(version_matrix, "row", lambda end, folder: ([end, "new"], True))
    version_matrix.main(["newest"])
    assert version_matrix.kept_rows() == {"oldest": ["oldest", "kept"], "newest": ["newest", "new"]}


def test_an_unknown_end_is_refused():
    with pytest.raises(SystemExit, match="Expected oldest or newest; got oldset"):
        version_matrix.main(["oldset"])


def test_the_times_are_of_the_steps_of_the_page_and_within_minutes():
    text = first_score.PAGE.read_text(encoding="utf-8")
    *steps, together, example = rows_of(first_score.PAGE, first_score.BEGIN, first_score.END)
    assert [step["step"].strip("`") for step in steps] == first_score.steps(text), "make time-first-score"
    assert steps[-1]["step"].startswith("`stir score ")
    assert together["step"] == first_score.FROM_INSTALL
    assert "example in Python" in example["step"]
    assert float(together["seconds"]) < 60 * MINUTES


def test_the_time_to_the_first_score_counts_from_pip_install():
    text = first_score.rendered(["git clone x", "pip install x", "stir score"], [1000, 30, 4, 2000], ["this machine"])
    assert f"| {first_score.FROM_INSTALL} | 34 |" in text
    assert text.endswith("Timed on this machine.")


def test_steps_run_in_one_shell_and_the_first_that_fails_is_named(tmp_path):
    seconds = first_score.timed(["mkdir inner && cd inner", "touch here", "sleep 0.2"], tmp_path)
    assert (tmp_path / "inner" / "here").exists()
    assert seconds[2] >= 0.2 > seconds[1]
    (tmp_path / "times").unlink()
    with pytest.raises(SystemExit, match="got exit status 1 from: false"):
        first_score.timed(["true", "false", "true"], tmp_path)


def test_an_environment_is_described_by_its_versions():
    assert re.fullmatch(r"Python 3\.\d+\.\d+, numpy .*, torch .*", first_score.about_versions(Path(sys.executable)))


def test_continuous_integration_tries_both_ends_and_builds_the_site():
    assert {each["versions"] for each in JOBS["wheel"]["strategy"]["matrix"]["include"]} == {*version_matrix.ENDS}
    assert any("scripts.version_matrix" in step.get("run", "") for step in JOBS["wheel"]["steps"])
    assert {"run": "make docs"} in JOBS["docs"]["steps"]


def test_what_continuous_integration_runs_exists():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    commands = [step["run"] for job in JOBS.values() for step in job["steps"] if "run" in step]
    for command in commands:
        program, *words = command.split()
        if program == "make":
            assert re.search(rf"^{words[0]}:", makefile, re.MULTILINE), command
        elif program == "python":
            assert (ROOT / f"{words[1].replace('.', '/')}.py").is_file(), command
        else:
            assert program == "docker" or (ROOT / program).is_file(), command


def test_the_folder_of_the_clone_does_not_hide_the_package():
    steps = "\n".join(first_score.steps(first_score.PAGE.read_text(encoding="utf-8")))
    (clone,) = re.findall(r"git clone REPOSITORY (\S+) && cd \1$", steps, re.MULTILINE)
    assert not (ROOT / clone).exists(), "beside a folder of this name, import takes the folder for the package"
    assert not (ROOT / "workflow" / clone).exists()
