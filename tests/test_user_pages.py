"""The pages for users: numbers come from kept tables or other pages, words and links are complete, examples run."""

import contextlib
import io
import re

import pandas as pd
import pytest
import yaml

from scripts import processors, schematic, user_pages
from scripts.user_pages import BLOCKS, DOCS
from stir.differences import DIFFERENCE_COLUMNS
from stir.sensitivity import STUDY_COLUMNS
from stir.table_layers import LAYER_COLUMNS
from stir.tables import MODEL_COLUMNS, OF_OTHER_LIBRARIES, PRECISION, SCORE_COLUMNS
from stir_workflow.statements.verdict import VERDICT_COLUMNS
from stir_workflow.store.facts import STAGES
from tests.experiment_files import QUICKSTART

PAGES = ["start.md", "method.md", "choosing.md", "reading_scores.md", "glossary.md", "reproducibility.md"]
TEXTS = {page: (DOCS / page).read_text(encoding="utf-8") for page in PAGES}
LINK = re.compile(r"\]\(([^)\s#]*)(#[^)\s]+)?\)")
OF_SUMMARIES = list(pd.read_csv(user_pages.SUMMARY, nrows=0))
TABLES = [SCORE_COLUMNS, LAYER_COLUMNS, [PRECISION], OF_SUMMARIES, DIFFERENCE_COLUMNS, MODEL_COLUMNS, OF_OTHER_LIBRARIES]
COLUMNS = {column for of_table in [*TABLES, VERDICT_COLUMNS, STUDY_COLUMNS] for column in of_table}


@pytest.mark.parametrize("page", BLOCKS)
def test_blocks_are_those_of_the_kept_tables(page):
    assert user_pages.rendered(page) == TEXTS[page], f"python -m scripts.user_pages renders docs/{page}"


@pytest.mark.parametrize("page", PAGES)
def test_every_measured_number_stands_in_a_rendered_block_or_in_a_page_that_is_linked(page):
    linked = {path for path, _ in LINK.findall(TEXTS[page]) if path.endswith(".md") and path not in PAGES}
    sources = [(DOCS / path).read_text(encoding="utf-8") for path in linked]
    sources += [render() for other in BLOCKS if other == page or f"]({other}" in TEXTS[page] for render in BLOCKS[other].values()]
    numbers = set(re.findall(r"(?<![\w.])-?\d+\.\d{2,}(?![\w.]*\d)", re.sub(r"```.*?```", "", TEXTS[page], flags=re.DOTALL)))
    absent = {number for number in numbers if not any(number in source for source in sources)}
    assert not absent, f"docs/{page} states {sorted(absent)}, which no rendered block and no linked page has"


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_to_files_and_headings(page):
    for path, anchor in LINK.findall(TEXTS[page]):
        if path.startswith("http"):
            continue
        file = DOCS / (path or page)
        assert file.exists(), f"docs/{page} links {path}"
        if anchor:
            headings = re.findall(r"^#+ (.*)$", file.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor[1:] in {_anchor(heading) for heading in headings}, f"docs/{page} links {path}{anchor}"


def _anchor(heading):
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def _rows_of(heading):
    """Return the names in the first column of the tables below a heading of the glossary."""
    section = re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", TEXTS["glossary.md"], re.MULTILINE | re.DOTALL).group(1)
    firsts = [row.split(" | ")[0] for row in section.splitlines() if row.startswith("| ")]
    return {name for first in firsts for name in re.findall(r"`([\w]+)`", first)}


def test_the_glossary_has_every_column_of_every_table_and_no_other():
    assert _rows_of("Columns of the tables") == COLUMNS


def test_the_glossary_has_every_stage_and_no_other():
    assert _rows_of("Stages") == set(STAGES)


def test_the_example_of_the_first_page_runs():
    (example,) = re.findall(r"```python\n(.*?)```", TEXTS["start.md"], re.DOTALL)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(example, {})
    assert "STIR(m2 | m1)" in printed.getvalue()


def test_the_schematic_shows_what_its_caption_says():
    shares, does_not = schematic.results().values()
    assert shares.score > 0.99
    assert does_not.score < 0.1
    assert min(shares.similarity, does_not.similarity) > 0.95
    assert shares.inversion.converged.all()


def test_other_processors_run_models_of_the_quickstart():
    ours = yaml.safe_load(processors.EXPERIMENT)["models"]
    quickstart = yaml.safe_load(QUICKSTART.read_text(encoding="utf-8"))["models"]
    assert len(ours) == 2
    assert all(model in quickstart for model in ours), "other models have other keys, and no row to be compared with"


def test_another_run_on_a_kind_of_device_replaces_its_rows(tmp_path, monkeypatch):
    monkeypatch.setattr(processors, "KEPT", tmp_path / "kept.csv")
    for kind, mean in [("A", 0.1), ("B", 0.2), ("A", 0.3)]:
        processors.keep(pd.DataFrame({"device_kind": [kind], "stir_mean": [mean]}))
    kept = pd.read_csv(processors.KEPT)
    assert dict(zip(kept["device_kind"], kept["stir_mean"], strict=True)) == {"A": 0.3, "B": 0.2}
    assert len(kept) == 2
