"""Write docs/commands.md: the help of every command of ``stir``, and what one call of it printed.

``python -m scripts.commands`` runs all examples in a temporary folder (minutes), ``python -m scripts.commands help`` renews
the help alone. A test compares the help.
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import click
import numpy as np
from click.testing import CliRunner
from PIL import Image
from sklearn.datasets import load_digits

from stir_workflow.cli import SECTIONS, main

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "commands.md"
WIDTH = 100
FIRST, LAST = 24, 16
"""Lines that are kept of a long output."""
RANDOM = "--reference-weights random --target-weights random"
EXAMPLES = {
    "data": "data own",
    "fingerprint": "fingerprint own",
    "init": "init mine.yaml --images own --model resnet8=random --model vgg6=random --n-images 24",
    "check": "check mine.yaml --cores 2",
    "run": "run mine.yaml --cores 2",
    "show": "show quickstart.csv",
    "report": "report mine.yaml",
    "plot": "plot quickstart.csv --scores stir --width 3.3in --pdf --png",
    "score": f"score resnet8 vgg6 {RANDOM} --width 8 --images own --n-images 40 --tolerance 0.1",
    "invert": "invert resnet8 --weights random --width 8 --images own --n-images 8 --layer stage3 --output iris.h5",
    "layers": "layers resnet8 --channels 1 --size 8",
    "sensitivity": "sensitivity mine.yaml --vary tolerance,n_images -n",
    "models": "models stir:",
    "datasets": "datasets",
    "measures": "measures cka",
    "cache": "cache list",
    "verify": "verify",
}
"""Command -> a call of it, in the order in which they are run: later ones read what earlier ones made."""
HEAD = """# Commands

`stir --help` lists the commands, `stir COMMAND --help` explains one. Results are printed on standard output, progress and
messages on standard error; where there is `--json`, the output is for programs. What cannot be done is refused in one message,
with exit status 1 (or 2 for options that there are not).

`python -m scripts.commands` writes this page: each output is that of a real call, in a folder with 90 pictures of digits in
`own/`; long ones are cut.
"""


def help_of(*command: str) -> str:
    """Return what ``stir COMMAND --help`` prints."""
    result = CliRunner().invoke(main, [*command, "--help"], prog_name="stir", terminal_width=WIDTH)
    return str(result.output).rstrip()


def commands() -> list[tuple[str, ...]]:
    """Return all commands that have a help of their own, in the order of ``stir --help``."""
    named = [name for names in SECTIONS.values() for name in names if name != "make"]
    others = sorted({*main.list_commands(click.Context(main))} - {*named, "make"})
    return [(name,) for name in (*named, *others)] + [("cache", "list"), ("cache", "prune")]


def outputs() -> dict[str, str]:
    """Run the examples, and return what each printed."""
    environment = {**os.environ, "COLUMNS": str(WIDTH)}
    printed = {}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        _make_pictures(folder / "own")
        for kind in ("", "-summary"):
            (folder / f"quickstart{kind}.csv").write_bytes((ROOT / "docs/quickstart" / f"quickstart{kind}.csv").read_bytes())
        for command, call in EXAMPLES.items():
            ran = subprocess.run(
                [sys.executable, "-m", "stir_workflow", *call.split()],
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                cwd=folder,
                env=environment,
                check=True,
            )
            printed[command] = _shortened(ran.stdout.replace(f"{ROOT}/", "").replace(f"{folder}/", ""))
    return printed


def _make_pictures(folder: Path) -> None:
    digits = load_digits()
    for number in range(90):
        place = folder / str(digits.target[number])
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray((digits.images[number] * 15.9).astype(np.uint8)).save(place / f"{number}.png")


def _shortened(text: str) -> str:
    lines = [line.rstrip() for line in text.strip().splitlines()]
    return "\n".join(lines if len(lines) <= FIRST + LAST else [*lines[:FIRST], "...", *lines[-LAST:]])


def kept_outputs() -> dict[str, str]:
    """Return the outputs that the page has."""
    text = PAGE.read_text(encoding="utf-8") if PAGE.is_file() else ""
    calls = {f"$ stir {call}": command for command, call in EXAMPLES.items()}
    blocks = re.findall(r"```\n(\$ stir [^\n]*)\n(.*?)\n```", text, re.DOTALL)
    return {calls[call]: output for call, output in blocks if call in calls}


def page(printed: dict[str, str]) -> str:
    """Return the page."""
    parts = [HEAD, _block(help_of())]
    for command in commands():
        name = " ".join(command)
        parts.append(f"## stir {name}\n\n{_block(help_of(*command))}")
        if name in printed:
            parts.append(_block(f"$ stir {EXAMPLES[name]}\n{printed[name]}"))
    return "\n".join(parts)


def _block(text: str) -> str:
    return f"```\n{text}\n```\n"


if __name__ == "__main__":
    PAGE.write_text(page(kept_outputs() if sys.argv[1:] == ["help"] else outputs()), encoding="utf-8")
