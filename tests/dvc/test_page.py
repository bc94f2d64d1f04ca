"""The commands of docs/dvc.md are run in their order, in the example that the page makes, and print what it says."""

import re
import shutil
import subprocess

import pytest

from tests.dvc.clone import Clone, environment_of_nobody
from tests.experiment_files import ROOT

PAGE = (ROOT / "docs" / "dvc.md").read_text(encoding="utf-8")
COMMANDS = [line for block in re.findall(r"^```\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE) for line in block.splitlines()]
SAID = re.compile(r" +# (?:prints: (?P<text>.*))?")
MAKE_EXAMPLE = "python -m scripts.dvc_example ../stir-example"
INSTEAD = {
    # The example of the other tests, copied: pushing changes it.
    MAKE_EXAMPLE: "test -d ../stir-example/origin",
    # Packages are those of these tests, and the code is the clone's, as after an installation.
    "python3 -m venv .venv && . .venv/bin/activate": ":",
    "pip install -e '.[workflow]'": 'export PYTHONPATH="$PWD:$PWD/workflow"',
}
"""Command on the page -> what is run in its place."""


@pytest.fixture
def example(origin, tmp_path):
    """A copy of the example beside an empty folder, and that folder."""
    copied = tmp_path / "stir-example"
    shutil.copytree(origin.path, copied / "origin", symlinks=True)
    shutil.copytree(origin.path.parent / "store", copied / "store")
    repository = Clone(copied / "origin")
    repository.run("dvc", "remote", "modify", "store", "url", copied / "store")
    repository.commit("The remote is beside the repository")
    (tmp_path / "checkout").mkdir()
    return tmp_path / "checkout"


def printed_by(commands, folder):
    """Run commands in one shell, which stops at the first that fails; return what each of them printed."""
    mark = "@@ the next command"
    # An option -e would not stop at `git clone ... && cd ...` whose first half fails.
    script = "\n".join(f"echo {mark!r}\n{command} || exit" for command in commands)
    ran = subprocess.run(
        ["bash", "-c", script],
        cwd=folder,
        env=environment_of_nobody(folder.parent),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=600,
    )
    assert ran.returncode == 0, ran.stdout
    return ran.stdout.split(f"{mark}\n")[1:]


def test_the_commands_of_the_page_do_in_their_order_what_it_says(example, tmp_path):
    assert set(COMMANDS) >= {*INSTEAD}, "each replaced command is on the page"
    commands = [SAID.split(line)[0] for line in COMMANDS]
    local = [INSTEAD.get(command, command).replace("/shared/", f"{tmp_path}/shared/") for command in commands]
    for line, text in zip(COMMANDS, printed_by(local, example), strict=True):
        said = SAID.search(line)
        if said and said["text"]:
            assert said["text"] in " ".join(text.split()), f"{line}\n{text}"
