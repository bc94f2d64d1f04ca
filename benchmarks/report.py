"""Size and opening time of reports of made-up models: ``make bench-report``.

Opening ends when the page has been drawn after all its scripts ran, in headless Chromium without a graphics card. *CPU time* is
that of the page's main thread, which other programs on the machine do not lengthen; *wall time* is what a reader waits.
"""

import argparse
import os
import platform
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pandas as pd
from playwright.sync_api import sync_playwright

from stir.provenance import code_version
from stir_workflow.report.page import render

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from tests.stir_workflow.report.made_up import made_up

NUMBERS = (2, 24, 100)
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
DRAWN = "new Promise((done) => requestAnimationFrame(() => setTimeout(done)))"


def opening(browser: Any, path: Path) -> tuple[float, float]:
    """Open a page in a new tab and return the CPU time of its main thread and the wall time."""
    page = browser.new_page(viewport={"width": 1400, "height": 900})
    page.set_default_timeout(300_000)
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    began = time.perf_counter()
    page.goto(path.as_uri())
    page.evaluate(DRAWN)
    wall = time.perf_counter() - began
    metrics = {metric["name"]: metric["value"] for metric in session.send("Performance.getMetrics")["metrics"]}
    page.close()
    return metrics["TaskDuration"], wall


def measured(browser: Any, folder: Path, n_models: int, rounds: int) -> dict[str, float]:
    """Return a row of the table."""
    report = made_up(n_models)
    began = time.perf_counter()
    path = folder / f"{n_models}.html"
    path.write_text(render(report), encoding="utf-8")
    rendering = time.perf_counter() - began
    cpu, wall = zip(*(opening(browser, path) for _ in range(rounds)), strict=True)
    return {
        "models": n_models,
        "cells": len(report.cells),
        "pictures": len(report.images),
        "size_mb": path.stat().st_size / 1e6,
        "rendering_s": rendering,
        "opening_cpu_s": statistics.median(cpu),
        "opening_wall_s": statistics.median(wall),
        "opening_wall_least_s": min(wall),
    }


def main() -> None:
    """Print a table: one row per number of models."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        sys.exit(f"Expected one of {', '.join(BROWSERS)}; got none. Install Chromium.")
    render(made_up(2))  # the script of the charts is bundled once per process
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=found, args=["--no-sandbox"])
        rows = [measured(browser, Path(folder), n_models, rounds) for n_models in NUMBERS]
        version = browser.version
        browser.close()
    load = os.getloadavg()[0]
    machine = f"{os.cpu_count()} CPU cores, {platform.machine()}, {code_version()}, Chromium {version}"
    print(f"{machine}, median of {rounds}, load average {load:.1f}")
    print(pd.DataFrame(rows).to_string(index=False, float_format="{:.2f}".format))


if __name__ == "__main__":
    main()
