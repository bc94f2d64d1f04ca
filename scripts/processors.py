"""Run the quickstart's ResNets on this processor, with one of its instruction sets, and keep the summary of their scores.

``python -m scripts.processors`` and ``python -m scripts.processors --vectors AVX2``; then ``python -m scripts.user_pages``.
Rows of the same kind of device in docs/reproducibility/processors.csv are replaced. Each takes a few minutes. With ``--kept``
nothing is run: the summary of the whole quickstart in docs/quickstart/ is kept, so that it stays when that is renewed elsewhere.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pandas as pd

from stir.tables import csv_text, read_table

ROOT = Path(__file__).resolve().parent.parent
KEPT = ROOT / "docs" / "reproducibility" / "processors.csv"
NAME, KIND = "processors", "device_kind"
EXPERIMENT = """extends: base.yaml
models:
  - {name: digits-resnet8-vanilla, architecture: resnet8, width: 8, training: vanilla, training_seeds: [0, 1]}
  - {name: digits-resnet8-at, architecture: resnet8, width: 8, training: at, training_seeds: [0, 1]}
"""
"""Four of the quickstart's eight models, with the same recipes and so the same keys."""
LIMITS = {"AVX2": {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2", "MKL_ENABLE_INSTRUCTIONS": "AVX2"}}
"""Instruction set -> settings of PyTorch, oneDNN and MKL that allow no more than it."""


def run_in(folder: Path, vectors: str | None) -> pd.DataFrame:
    """Run the experiment in an empty folder, and return its summary with the kind of device."""
    shutil.copy(ROOT / "workflow" / "experiments" / "quickstart.yaml", folder / "base.yaml")
    (folder / f"{NAME}.yaml").write_text(EXPERIMENT, encoding="utf-8")
    settings = os.environ | LIMITS.get(vectors or "", {})
    command = [sys.executable, "-m", "stir_workflow", "run", f"{NAME}.yaml", "--device", "cpu"]
    subprocess.run(command, cwd=folder, env=settings, check=True)
    return summary_in(folder / "results" / "tables", NAME)


def summary_in(tables: Path, name: str) -> pd.DataFrame:
    """Return the summary of an experiment in a folder of tables, with the kind of device that its scores name."""
    (kind,) = read_table(tables / f"{name}.csv")[KIND].unique()
    summary = read_table(tables / f"{name}-summary.csv")
    summary.insert(0, KIND, kind)
    return summary


def keep(summary: pd.DataFrame) -> None:
    """Replace the rows of this kind of device."""
    kept = [read_table(KEPT)] if KEPT.exists() else []
    others = [table[table[KIND] != summary[KIND].iloc[0]] for table in kept]
    KEPT.write_text(csv_text(pd.concat([*others, summary], ignore_index=True)), encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vectors", choices=LIMITS, help="Use no wider instruction set than this one.")
    parser.add_argument("--kept", action="store_true", help="Run nothing: keep the summary in docs/quickstart.")
    arguments = parser.parse_args()
    if arguments.kept:
        keep(summary_in(ROOT / "docs" / "quickstart", "quickstart"))
        sys.exit()
    with tempfile.TemporaryDirectory() as folder:
        keep(run_in(Path(folder), arguments.vectors))
