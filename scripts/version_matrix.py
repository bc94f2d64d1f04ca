"""Install the wheel at both ends of its versions, run the library's tests there, and write the table of docs/installation.md.

``make version-matrix``, or ``python -m scripts.version_matrix oldest`` for one end, whose row is replaced. The lowest versions
are those of pyproject.toml, the newest are what pip takes. Each end has an environment of its own in a temporary folder, and the
tests run outside the clone, so that the wheel is what is tested. Needs nothing but Python: ``STIR_OLDEST_PYTHON`` and
``STIR_NEWEST_PYTHON`` name the interpreters.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

from scripts import blocks

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "installation.md"
BEGIN, END = "<!-- versions: rendered by scripts/version_matrix.py -->", "<!-- versions: end -->"
ENDS = ("oldest", "newest")
SHOWN = ("numpy", "pandas", "torch", "torchvision", "scipy", "scikit-learn", "h5py", "matplotlib")
OF_TESTS = ("pytest", "pytest-timeout", "hypothesis")
BEYOND = re.compile(r"\b(stir_workflow|ruamel|scripts|benchmarks|docs)\b")
"""Tests in whose text one of these occurs need more than the library, or the clone."""
COUNTS = ("passed", "failed", "error", "skipped")
CODE_OF_VERSIONS = (
    "import platform, sys\nfrom importlib.metadata import version\nprint(platform.python_version(), *map(version, sys.argv[1:]))"
)


def requirements(end: str) -> list[str]:
    """Return what pip is asked for beside the wheel: at the oldest end, exactly the lower bounds of pyproject.toml."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return [each.replace(">=", "==") for each in project["dependencies"]] if end == "oldest" else []


def tests() -> list[str]:
    """Return the files of tests that need nothing but the library."""
    files = sorted((ROOT / "tests" / "stir").rglob("test_*.py"))
    return [str(file.relative_to(ROOT)) for file in files if not BEYOND.search(file.read_text(encoding="utf-8"))]


def row(end: str, folder: Path) -> tuple[list[str], bool]:
    """Install one end and run the tests; return its row, and whether they passed."""
    python = folder / "venv" / "bin" / "python"
    _run([os.environ.get(f"STIR_{end.upper()}_PYTHON") or sys.executable, "-m", "venv", folder / "venv"])
    _run([python, "-m", "pip", "install", "--quiet", "build"])
    _run([python, "-m", "build", "--outdir", folder / "dist", ROOT])
    (wheel,) = (folder / "dist").glob("*.whl")
    installed = _run([python, "-m", "pip", "install", "--quiet", wheel, *requirements(end), *OF_TESTS], check=False)
    if installed.returncode:
        errors = [line for line in installed.stdout.splitlines() if line.startswith("ERROR: ")]
        reason = (errors or [f"pip ended with status {installed.returncode}"])[-1].removeprefix("ERROR: ")
        return [end, *["not installed"] * (1 + len(SHOWN)), reason.replace("|", "/")], False
    versions = _run([python, "-c", CODE_OF_VERSIONS, *SHOWN]).stdout.split()
    outside = folder / "outside"
    shutil.copytree(ROOT / "tests", outside / "tests", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", outside)
    # The newest releases may warn of what they will change: warnings are shown, and are no errors.
    tested = _run([python, "-m", "pytest", "-q", "-W", "default", *tests()], check=False, cwd=outside)
    print(tested.stdout, flush=True)
    return [end, *versions, counted(tested.stdout)], tested.returncode == 0


def counted(output: str) -> str:
    """Return what pytest's last line counts, without what was ignored and how long it took."""
    last = output.strip().splitlines()[-1]
    found = [f"{number} {what}" for number, what in re.findall(r"(\d+) ([a-z]+)", last) if what.removesuffix("s") in COUNTS]
    return ", ".join(found) or last


def table(rows: list[list[str]]) -> str:
    """Return a table of rows."""
    head = ["versions", "Python", *SHOWN, "tests"]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows))


def kept_rows() -> dict[str, list[str]]:
    """Return the rows that the page has, by their end."""
    block = PAGE.read_text(encoding="utf-8").partition(BEGIN)[2].partition(END)[0]
    rows = [line.strip("| ").split(" | ") for line in block.splitlines()]
    return {row[0]: row for row in rows if row[0] in ENDS}


def _run(command: list[object], *, check: bool = True, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command whose output is kept; one that must not fail ends the script with its output."""
    words = [str(word) for word in command]
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    ran = subprocess.run(
        words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, cwd=cwd, env=environment
    )
    if check and ran.returncode:
        sys.exit(f"{ran.stdout}\nExpected this command to succeed; got exit status {ran.returncode}: {' '.join(words)}")
    return ran


def main(ends: list[str]) -> None:
    """Print the table, and write the rows of the ends that passed into the page."""
    if unknown := set(ends) - set(ENDS):
        sys.exit(f"Expected {' or '.join(ENDS)}; got {', '.join(sorted(unknown))}. Name one, or none for both.")
    results = []
    for end in ends or ENDS:
        with tempfile.TemporaryDirectory() as folder:
            results.append(row(end, Path(folder)))
    print(table([cells for cells, _ in results]))
    rows = kept_rows() | {cells[0]: cells for cells, passed in results if passed}
    block = table([rows[end] for end in ENDS if end in rows])
    PAGE.write_text(blocks.page_with(PAGE, BEGIN, END, block), encoding="utf-8")
    if failed := [cells[0] for cells, passed in results if not passed]:
        sys.exit(
            f"Expected the tests to pass with the {' and the '.join(failed)} versions; see above. Their rows stay as they were."
        )


if __name__ == "__main__":
    main(sys.argv[1:])
