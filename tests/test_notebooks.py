"""The notebooks in docs/ are those of their scripts, and were executed without an error or a warning."""

import json
from pathlib import Path

import matplotlib.pyplot as plt
import pytest

NOTEBOOKS = sorted((Path(__file__).resolve().parent.parent / "docs" / "notebooks").glob("*.ipynb"))


def cells_of_script(path):
    parts = path.read_text(encoding="utf-8").split("\n# %%")[1:]
    return [part.partition("\n")[2].strip() for part in parts]


def as_script(cell):
    text = "".join(cell["source"])
    return text if cell["cell_type"] == "code" else "\n".join(f"# {line}".rstrip() for line in text.split("\n"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_its_script_executed(path):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    assert [as_script(cell) for cell in cells] == cells_of_script(path.with_suffix(".py")), "run make notebook"
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    outputs = [output for cell in code for output in cell["outputs"]]
    assert not [output for output in outputs if output["output_type"] == "error" or output.get("name") == "stderr"]
    assert any("image/png" in output.get("data", {}) for output in outputs)


def test_there_is_a_notebook():
    assert [path.name for path in NOTEBOOKS] == ["library.ipynb"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_script_runs_without_a_warning(path):
    exec(path.with_suffix(".py").read_text(encoding="utf-8"), {})
    plt.close("all")
