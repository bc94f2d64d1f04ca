"""Pages of made-up reports, how they are opened, and axe-core, which is skipped where it cannot be had."""

import subprocess
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from stir_workflow.report.content import Report
from stir_workflow.report.page import render
from tests.browser import PATIENCE
from tests.stir_workflow.report.made_up import made_up


@dataclass
class Opened:
    """A page in the browser, and what it complained about or asked for."""

    page: Any
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Report], Path]:
    """Render a report to a file."""

    def write(report: Report) -> Path:
        path = tmp_path_factory.mktemp("report") / "report.html"
        path.write_text(render(report), encoding="utf-8")
        return path

    return write


@pytest.fixture(scope="session")
def pages(written: Callable[[Report], Path]) -> Callable[[int], Path]:
    """Return the page of a number of models, which is rendered once."""
    return cache(lambda n_models: written(made_up(n_models)))


@pytest.fixture
def opened(browser: Any) -> Iterator[Callable]:
    """Open a page, and fail at the end of the test if it complained or asked for anything but itself."""
    pages = []

    @contextmanager
    def open_(path: Path, width: int = 1400, height: int = 900, **options: Any) -> Iterator[Any]:
        page = browser.new_page(viewport={"width": width, "height": height}, **options)
        page.set_default_timeout(PATIENCE)
        seen = Opened(page)
        pages.append((path, seen))
        page.on("console", lambda message: seen.complaints.append(message.text))
        page.on("pageerror", lambda error: seen.complaints.append(str(error)))
        page.on("dialog", lambda dialog: (seen.complaints.append(dialog.message), dialog.dismiss()))
        page.on("request", lambda request: seen.requests.append(request.url))
        page.goto(path.as_uri())
        yield page
        page.close()

    yield open_
    for path, seen in pages:
        assert seen.complaints == []
        assert [url for url in seen.requests if not url.startswith("data:image/")] == [path.as_uri()]


@pytest.fixture(scope="session")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return axe-core's script, fetched by npm."""
    folder = tmp_path_factory.mktemp("axe")
    try:
        command = ["npm", "pack", "axe-core@4", "--silent", "--pack-destination", str(folder)]
        subprocess.run(command, check=True, capture_output=True, timeout=60, cwd=folder)
    except (OSError, subprocess.SubprocessError) as error:
        pytest.skip(f"axe-core could not be fetched by npm: {error}")
    with tarfile.open(next(folder.glob("axe-core-*.tgz"))) as archive:
        script = archive.extractfile("package/axe.min.js")
        assert script is not None
        return script.read().decode()
