"""Follow docs/start.md from nothing to a first score, and write what each step took into that page: ``make time-first-score``.

The commands are those of the first block below each heading in ``HEADINGS``; the page's example in Python is run last. All run
in a new folder, with pip's cache off, in a shell that keeps its state; the repository that is cloned is this one, as it was last
committed.
"""

import os
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

from scripts import blocks
from scripts.version_matrix import CODE_OF_VERSIONS
from stir.provenance import processor

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "start.md"
BEGIN, END = "<!-- times: rendered by scripts/first_score.py -->", "<!-- times: end -->"
HEADINGS = ("Install", "A first score")
PLACEHOLDER = "REPOSITORY"
FROM_INSTALL = "together, from `pip install` to the first score"
PACKAGES = ("numpy", "pandas", "torch", "torchvision")
LEFT_OUT = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "PIP_REQUIRE_VIRTUALENV")
"""Variables of the environment that would let this script's own packages be found in the new environment."""


def steps(text: str) -> list[str]:
    """Return the commands of the first block below each heading, one per line, without their comments."""
    found = [re.search(rf"^## {heading}\n.*?^```\n(.*?)^```", text, re.MULTILINE | re.DOTALL) for heading in HEADINGS]
    lines = [line for block in found if block for line in block[1].splitlines()]
    return [line.split("  #")[0].strip() for line in lines if line]


def example(text: str) -> str:
    """Return the page's example in Python."""
    return re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)[0]


def timed(commands: list[str], folder: Path) -> list[float]:
    """Run commands in one shell in a folder, and return the seconds that each took; the first that fails ends the script."""
    times = folder / "times"
    # Two readings of a clock around each command, rather than a shell per command: activating and changing folders must last.
    lines = [f"began=$EPOCHREALTIME\n{command}\necho $began $EPOCHREALTIME >> {shlex.quote(str(times))}" for command in commands]
    ran = subprocess.run(["bash", "-e", "-c", "\n".join(lines)], cwd=folder, env=_environment(), check=False)
    pairs = [map(float, line.split()) for line in times.read_text(encoding="utf-8").splitlines()] if times.exists() else []
    if ran.returncode:
        sys.exit(
            f"Expected every command of {PAGE.name} to succeed; got exit status {ran.returncode} from: {commands[len(pairs)]}"
        )
    return [ended - began for began, ended in pairs]


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in LEFT_OUT}
    return kept | {"PIP_NO_CACHE_DIR": "1", "LC_ALL": "C.UTF-8"}


def rendered(commands: list[str], seconds: list[float], about: list[str]) -> str:
    """Return the table of the page's steps, which the example follows, and the sentence about where they were timed."""
    first = next(number for number, command in enumerate(commands) if command.startswith("pip install"))
    *of_commands, of_example = seconds
    rows = [f"| `{command}` | {taken:.0f} |" for command, taken in zip(commands, of_commands, strict=True)]
    rows += [f"| {FROM_INSTALL} | {sum(of_commands[first:]):.0f} |", f"| the example in Python below | {of_example:.0f} |"]
    return "\n".join(["| step | seconds |", "|---|---|", *rows, "", f"Timed on {'; '.join(about)}."])


def about_machine() -> str:
    """Return what the steps were timed on; a load above zero says that others were using the cores."""
    return f"{processor()}, {os.cpu_count()} cores with a load of {os.getloadavg()[0]:.1f} from other programs when it began"


def about_versions(python: Path) -> str:
    """Return the versions in the environment of a Python."""
    command = [python, "-c", CODE_OF_VERSIONS, *PACKAGES]
    found = subprocess.run(command, capture_output=True, text=True, check=True, env=_environment()).stdout.split()
    return ", ".join(f"{name} {version}" for name, version in zip(("Python", *PACKAGES), found, strict=True))


def about_size(environment: Path) -> str:
    """Return how much of a disk an environment takes."""
    size = sum(path.stat().st_size for path in environment.rglob("*") if path.is_file() and not path.is_symlink())
    return f"the environment takes {size / 1e9:.1f} GB on disk"


def main() -> None:
    """Follow the page and render its block."""
    text, machine = PAGE.read_text(encoding="utf-8"), about_machine()
    commands = steps(text)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "example.py").write_text(example(text), encoding="utf-8")
        run = [*(command.replace(PLACEHOLDER, shlex.quote(str(ROOT))) for command in commands), f"python {folder}/example.py"]
        seconds = timed(run, folder)
        environment = folder / "stir-env"
        about = [machine, about_versions(environment / "bin" / "python"), about_size(environment)]
    block = rendered(commands, seconds, about)
    PAGE.write_text(blocks.page_with(PAGE, BEGIN, END, block), encoding="utf-8")
    print(block)


if __name__ == "__main__":
    main()
