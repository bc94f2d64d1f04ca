"""The Containerfile: checked by a linter, since tests can seldom build images; continuous integration builds it."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
CONTAINERFILE = ROOT / "Containerfile"
HADOLINT = Path(sys.executable).with_name("hadolint")


def lint(path):
    return subprocess.run([HADOLINT, path], capture_output=True, text=True, check=False)


def test_the_linter_finds_nothing():
    ran = lint(CONTAINERFILE)
    assert (ran.returncode, ran.stdout) == (0, "")


@pytest.mark.parametrize("line", ["RUN cd /tmp", "MAINTAINER me", "RUN pip install numpy"])
def test_the_linter_finds_what_is_wrong(tmp_path, line):
    (tmp_path / "Containerfile").write_text(f"{CONTAINERFILE.read_text()}{line}\n")
    assert lint(tmp_path / "Containerfile").returncode == 1


def test_everything_that_is_copied_is_tracked_and_sent_to_the_builder():
    copies = re.findall(r"^COPY --chown=1000 (.+) \S+$", CONTAINERFILE.read_text(), re.M)
    sources = [source for copy in copies for source in copy.split()]
    tracked = subprocess.run(["git", "-C", ROOT, "ls-files"], capture_output=True, text=True, check=True).stdout.split("\n")
    assert all(any(name == source or name.startswith(f"{source}/") for name in tracked) for source in sources)
    sent = {line[1:] for line in (ROOT / ".containerignore").read_text().splitlines() if line.startswith("!")}
    assert {*sources} == sent


def test_commands_do_not_run_as_root():
    lines = CONTAINERFILE.read_text().splitlines()
    users = [line for line in lines if line.startswith("USER")]
    assert users == ["USER 1000"]
    assert lines.index("USER 1000") < next(i for i, line in enumerate(lines) if line.startswith("RUN pip"))
