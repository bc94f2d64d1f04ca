"""The notebooks in docs/ are those of their scripts; they run without a warning, and show what their scripts give today."""

import ast
import contextlib
import io
import json
import re
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
import pytest

DOCS = Path(__file__).resolve().parent.parent / "docs"
FOLDERS = ("notebooks", "tutorials")
NOTEBOOKS = sorted(path for folder in FOLDERS for path in (DOCS / folder).glob("*.ipynb"))
BYTES_OF_A_NOTEBOOK = 400_000
WITHOUT_MODELS = {"reading_scores"}
"""Notebooks that read kept tables alone: their numbers are the same on every machine."""

VARYING = re.compile(r"\bTrue\b|\bFalse\b|-?\d[\d.,]*(e[-+]?\d+)?%?")
"""What differs between processors, as trainings do."""


def cells_of_script(path):
    parts = path.read_text(encoding="utf-8").split("\n# %%")[1:]
    return [part.partition("\n")[2].strip() for part in parts]


def cells_of(path):
    return json.loads(path.read_text(encoding="utf-8"))["cells"]


def as_script(cell):
    text = "".join(cell["source"])
    return text if cell["cell_type"] == "code" else "\n".join(f"# {line}".rstrip() for line in text.split("\n"))


def kept_text(cell):
    """Return what a cell printed, and its last value unless that is a figure."""
    printed = [text for output in cell["outputs"] for text in output.get("text", [])]
    values = [output["data"] for output in cell["outputs"] if output["output_type"] == "execute_result"]
    return "".join(printed) + "".join(text for value in values for text in value["text/plain"])


def text_of(source, names):
    """Run a cell, and return what it prints and its last value."""
    lines = ast.parse(source).body
    last = lines.pop() if lines and isinstance(lines[-1], ast.Expr) else None
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), pd.option_context("display.max_columns", 20):  # as in notebooks
        exec(compile(ast.Module(lines, []), "cell", "exec"), names)
        value = eval(compile(ast.Expression(last.value), "cell", "eval"), names) if last else None
        return printed.getvalue() + ("" if value is None else repr(value))


def comparable(text, *, exactly):
    """Return the words of a text, with its numbers if they are the same everywhere."""
    return (text if exactly else VARYING.sub("#", text)).replace("\\", " ").split()


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_its_script_executed(path):
    cells = cells_of(path)
    assert [as_script(cell) for cell in cells] == cells_of_script(path.with_suffix(".py")), "run make notebook tutorials"
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    outputs = [output for cell in code for output in cell["outputs"]]
    assert not [output for output in outputs if output["output_type"] == "error" or output.get("name") == "stderr"]
    assert any("image/png" in output.get("data", {}) for output in outputs)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_small(path):
    assert path.stat().st_size < BYTES_OF_A_NOTEBOOK, "show fewer or smaller pictures"


def test_every_script_in_the_form_of_notebooks_is_one():
    scripts = {
        path for folder in FOLDERS for path in (DOCS / folder).glob("*.py") if "\n# %%" in path.read_text(encoding="utf-8")
    }
    assert scripts
    assert scripts == {path.with_suffix(".py") for path in NOTEBOOKS}, "run make notebook tutorials"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_script_runs_without_a_warning_and_shows_what_the_notebook_keeps(path, monkeypatch):
    monkeypatch.chdir(path.parent)
    exactly, names = path.stem in WITHOUT_MODELS, {}
    for cell in cells_of(path):
        if cell["cell_type"] == "code":
            source = "".join(cell["source"])
            ours, kept = (comparable(text, exactly=exactly) for text in (text_of(source, names), kept_text(cell)))
            assert ours == kept, f"run make notebook tutorials: this cell shows something else now:\n{source}"
    plt.close("all")
