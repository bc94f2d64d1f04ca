"""Time, memory and rates on a GPU, one row per measurement; a measurement that fails is a row with its reason."""

import json
import time
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import torch
from gpu_sizes import Sizes

SHEETS = {
    "H100 PCIe": (756, 51),
    "H100 NVL": (835, 60),
    "H100": (989, 67),
    "H200 NVL": (835, 60),
    "H200": (989, 67),
    "GH200": (989, 67),
    "B200": (2250, 75),
    "A100": (312, 19.5),
    "L40S": (362, 91.6),
    "L4": (121, 30.3),
    "RTX 4090": (165, 82.6),
}
"""Part of a card's name -> TFLOP/s of its data sheet: bfloat16 with dense matrices, float32; the first that fits."""
KINDS = ("bfloat16", "float32")
Values = dict[str, Any]


@dataclass
class Bench:
    """A section under way: device, sizes, time left, and where its rows go."""

    section: str
    device: torch.device
    sizes: Sizes
    folder: Path
    """For files that later sections use."""
    rows: Path
    seconds: float
    began: float = field(default_factory=time.monotonic)

    @property
    def left(self) -> float:
        """Seconds left."""
        return self.seconds - (time.monotonic() - self.began)

    def row(self, what: str, **values: Any) -> None:
        """Write a row at once, so that it stays if the section is ended."""
        with self.rows.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"section": self.section, "what": what, **values}) + "\n")

    def trial(self, what: str, measure: Callable[[], Values], *, needs: float = 0) -> Values:
        """Write the row of a measurement, with its time and memory; a failure, or too little time left, is its note."""
        if self.left < needs:
            self.row(what, note=f"cut: {self.left:.0f} s of the section were left, {needs:.0f} s are needed")
            return {}
        _free(self.device)
        began = time.perf_counter()
        try:
            values = measure()
            wait(self.device)
        except Exception as error:  # of any kind: the next measurements are still worth making
            self.row(what, seconds=time.perf_counter() - began, note=f"failed: {one_line(error)}")
            return {}
        values = {"seconds": time.perf_counter() - began, **values, **memory(self.device)}
        self.row(what, **values)
        return values


def one_line(error: Exception) -> str:
    """Return kind and first line of an error."""
    return f"{type(error).__name__}: {(str(error).splitlines() or [''])[0][:160]}"


def wait(device: torch.device) -> None:
    """Wait until a GPU has done what was launched."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def timed(device: torch.device, work: Callable[[], Any], repeats: int) -> float:
    """Return the mean seconds of a call, launched one after the other without waiting; two calls warm up."""
    for _ in range(2):
        work()
    wait(device)
    began = time.perf_counter()
    for _ in range(repeats):
        work()
    wait(device)
    return (time.perf_counter() - began) / repeats


def memory(device: torch.device) -> Values:
    """Return the most memory that PyTorch had on the card since the measurement began."""
    return {"memory_mb": torch.cuda.max_memory_allocated(device) / 2**20} if device.type == "cuda" else {}


def _free(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)


@contextmanager
def tensorfloat(allowed: bool) -> Any:
    """Allow or forbid TensorFloat-32 in a block."""
    products, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    before = products.allow_tf32, cudnn.allow_tf32
    products.allow_tf32 = cudnn.allow_tf32 = allowed
    try:
        yield
    finally:
        products.allow_tf32, cudnn.allow_tf32 = before


@cache
def product_rate(device: torch.device, kind: str, side: int) -> float:
    """Return the rate (FLOP/s) of products of large square matrices, in bfloat16, float32 or tensorfloat32."""
    dtype = torch.bfloat16 if kind == "bfloat16" else torch.float32
    x = torch.randn(side, side, device=device, dtype=torch.float32).to(dtype)
    with tensorfloat(kind == "tensorfloat32"):
        return 2 * side**3 / timed(device, lambda: x @ x, 5)


def sheet_rates(device: torch.device) -> dict[str, float]:
    """Return the rates (FLOP/s) of the data sheet; empty for a card that is not known."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else ""
    found = next((rates for part, rates in SHEETS.items() if part in name), ())
    return {kind: 1e12 * rate for kind, rate in zip(KINDS, found, strict=False)}


def fractions(bench: Bench, flop: float, seconds: float, kind: str = "bfloat16") -> Values:
    """Return the rate of some work, and which part of the card's peaks it is."""
    rate = flop / seconds
    values = {"tflops": rate / 1e12, f"of measured {kind}": rate / product_rate(bench.device, kind, bench.sizes.matrix)}
    sheet = sheet_rates(bench.device).get(kind)
    return values | ({f"of data sheet {kind}": rate / sheet} if sheet else {})
