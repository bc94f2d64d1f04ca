"""What one GPU does with this package, in under 8 minutes: ``make bench-gpu``, or ``python benchmarks/gpu.py``.

Every section runs in a process of its own with a budget of seconds, at whose end it is stopped: what it has measured stays, and
a section that fails, hangs or breaks the card's context is a row with its reason. Rows are printed, and written as
text and JSON in ``results/benchmarks/``, or in the folder that ``OUT`` names. The exit status is 1 if parity with the CPU fails.

``--rehearse`` runs all of it on a CPU with tiny sizes: no number of it is a measurement.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gpu_inversions
import gpu_parity
import gpu_training
import gpu_trials
import pandas as pd
import torch
from gpu_environment import BEGAN, ROOT
from gpu_measuring import Bench, fractions, product_rate, sheet_rates
from gpu_sizes import FULL, TINY

from stir.provenance import code_version, device_kind, package_versions

MINUTES = 7.5
REHEARSED = 600
"""Seconds of a section on a CPU, and LEAST_SECONDS on any device; a section that would have less is not begun."""
LEAST_SECONDS = 10


def card(bench: Bench) -> None:
    """Write the rates of matrix products, and those of the data sheet."""
    for kind in ("bfloat16", "tensorfloat32", "float32"):
        bench.trial(f"matrix products of side {bench.sizes.matrix}, {kind}", lambda k=kind: _product(bench, k))
    sheet = {kind: rate / 1e12 for kind, rate in sheet_rates(bench.device).items()}
    bench.row("data sheet", note=", ".join(f"{rate:g} TFLOP/s in {kind}" for kind, rate in sheet.items()) or "card not known")


def _product(bench: Bench, kind: str) -> dict[str, float]:
    side = bench.sizes.matrix
    seconds = 2 * side**3 / product_rate(bench.device, kind, side)
    sheet_kind = "float32" if kind == "float32" else "bfloat16"
    return {"seconds": seconds, **fractions(bench, 2 * side**3, seconds, sheet_kind)}


SECTIONS: dict[str, tuple[Callable[[Bench], None], float]] = {
    "card": (card, 30),
    "training": (gpu_training.run, 75),
    "parity": (gpu_parity.run, 70),
    "cifar": (gpu_inversions.of_cifar, 110),
    "photographs": (gpu_inversions.of_photographs, 80),
    "representations": (gpu_training.representations, 30),
    "batches": (gpu_trials.batches, 40),
    "graph": (gpu_trials.graph, 30),
    "compile": (gpu_trials.compiled, 75),
}
"""Section -> what it does, and the most seconds that it takes; in the order of their weight, since time may run out."""


def device_named(name: str) -> torch.device:
    """Return a device that is there; refuse others in one line."""
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0][:120].rstrip(".")
        sys.exit(
            f"Expected a device that is there; got {name!r} ({reason}). Name another with --device, or --rehearse on the CPU."
        )
    if device.type not in ("cpu", "cuda"):
        sys.exit(f"Expected a device cuda, cuda:N or cpu; got {name!r}. Name another with --device, or --rehearse on the CPU.")
    return device


def run_section(name: str, seconds: float, arguments: argparse.Namespace, folder: Path) -> list[dict[str, Any]]:
    """Run a section in a process of its own, and return its rows."""
    rows, log = folder / f"{name}.jsonl", folder / f"{name}.log"
    command = [sys.executable, __file__, "--section", name, "--seconds", str(seconds), "--folder", folder]
    command += ["--device", arguments.device, *(["--rehearse"] if arguments.rehearse else [])]
    began = time.monotonic()
    with log.open("w") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, start_new_session=True)
        try:
            status = process.wait(timeout=seconds)
            note = "" if status == 0 else f"failed with status {status}: {_last_line(log)}"
        except subprocess.TimeoutExpired:
            note = f"cut short after {seconds:.0f} s"
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
    found = [json.loads(line) for line in rows.read_text(encoding="utf-8").splitlines()] if rows.is_file() else []
    return [*found, {"section": name, "what": "the whole section", "seconds": time.monotonic() - began, "note": note}]


def _last_line(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1][:200] if lines else "no message"


def as_text(name: str, rows: list[dict[str, Any]]) -> str:
    """Return the rows of a section: their numbers as a table, and what there is to say of them below."""
    table = pd.DataFrame(rows).drop(columns=["section", "note"], errors="ignore").astype(object)
    table = table.map(lambda value: f"{value:.4g}" if isinstance(value, float) and value == value else value).fillna("")
    notes = [f"  {row['what']}: {row['note']}" for row in rows if row.get("note")]
    return "\n".join([f"\n== {name}", table.to_string(index=False), *notes])


def _holds(row: dict[str, Any]) -> bool:
    """Return whether a row of the section on parity is no reason to doubt it."""
    return row.get("holds", True) and not row.get("note", "").startswith(("failed", "cut"))


def heading(arguments: argparse.Namespace, device: torch.device) -> dict[str, Any]:
    """Return what the numbers are of."""
    facts: dict[str, Any] = {"device": device_kind(str(device)), "rehearsal": arguments.rehearse, "code": code_version()}
    facts |= {"versions": package_versions(), "cuda": torch.version.cuda, "cudnn": torch.backends.cudnn.version()}
    if device.type == "cuda":
        facts["memory_mb"] = torch.cuda.get_device_properties(device).total_memory / 2**20
    return facts


def run_all(arguments: argparse.Namespace, device: torch.device, out: Path) -> int:
    """Run the sections, print and write their rows; return the exit status."""
    ends = float(os.environ.get(BEGAN, time.time())) + 60 * arguments.minutes
    facts, rows = heading(arguments, device), []
    out.mkdir(parents=True, exist_ok=True)
    text = [json.dumps(facts)]
    if arguments.rehearse:
        text.append("A REHEARSAL WITH TINY SIZES: no number here is a measurement.")
    print("\n".join(text), flush=True)
    with tempfile.TemporaryDirectory() as name:
        for section in arguments.sections:
            seconds = min(SECTIONS[section][1] if device.type == "cuda" else REHEARSED, ends - time.time())
            if seconds >= LEAST_SECONDS:
                found = run_section(section, seconds, arguments, Path(name))
            else:
                found = [{"section": section, "what": "the whole section", "note": f"cut: {max(seconds, 0):.0f} s were left"}]
            rows += found
            text.append(as_text(section, found))
            print(text[-1], flush=True)
            (out / "gpu.txt").write_text("\n".join(text) + "\n", encoding="utf-8")
            (out / "gpu.json").write_text(json.dumps({**facts, "rows": rows}, indent=1), encoding="utf-8")
    failed = [row["what"] for row in rows if row["section"] == "parity" and not _holds(row)]
    verdict = f"fails: {', '.join(failed)}" if failed else "holds" if "parity" in arguments.sections else "was not looked at"
    print(f"\nParity with the CPU {verdict}.", flush=True)
    print(f"Written to {out / 'gpu.txt'} and {out / 'gpu.json'}")
    return int(bool(failed))


def main() -> None:
    """Run everything, or one section as a child."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default=None, help="cuda (the default), cuda:N, or cpu")
    parser.add_argument("--rehearse", action="store_true", help="with tiny sizes, by default on the CPU")
    parser.add_argument("--minutes", type=float, default=MINUTES, help="for all sections together")
    parser.add_argument("--sections", type=lambda words: words.split(","), default=list(SECTIONS), help=",".join(SECTIONS))
    for name in ("--section", "--seconds", "--folder"):
        parser.add_argument(name, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    arguments.device = arguments.device or ("cpu" if arguments.rehearse else "cuda")
    unknown = [name for name in arguments.sections if name not in SECTIONS]
    if unknown:
        sys.exit(f"Expected sections among {', '.join(SECTIONS)}; got {', '.join(unknown)}. Name others with --sections.")
    device = device_named(arguments.device)
    if device.type == "cpu" and not arguments.rehearse:
        sys.exit("Expected a GPU; got the device cpu, on which full sizes take hours. Add --rehearse for tiny sizes.")
    if arguments.section:
        folder = Path(arguments.folder)
        rows = folder / f"{arguments.section}.jsonl"
        sizes = TINY if arguments.rehearse else FULL
        SECTIONS[arguments.section][0](Bench(arguments.section, device, sizes, folder, rows, float(arguments.seconds)))
        return
    sys.exit(run_all(arguments, device, Path(os.environ.get("OUT") or ROOT / "results" / "benchmarks")))


if __name__ == "__main__":
    main()
