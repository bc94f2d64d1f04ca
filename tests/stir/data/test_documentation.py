"""docs/datasets.md: its table is the catalogue's, its example runs."""

import re
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from ruamel.yaml import YAML

from stir.data import DATASETS, dataset_facts, dataset_source
from stir.data.catalogue import COUNTS, FORMATS, OWN_KEYS
from stir.data.dataset import load_split
from stir_workflow.cli import main

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "datasets.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w*)\n(.*?)```", PAGE, re.DOTALL)
ROWS = {cells[1].strip("` "): cells for line in PAGE.splitlines() if (cells := line.split("|"))[1:] and cells[1].startswith(" `")}


def block(language, word):
    (found,) = [text for kind, text in BLOCKS if kind == language and word in text]
    return found


@pytest.mark.parametrize("name", DATASETS)
def test_the_table_says_the_catalogues_numbers(name):
    facts, counts = DATASETS[name], COUNTS[name]
    images = " + ".join(str(sum(part)) for part in (counts.train, counts.test) if part)
    _, _, *said, _, _ = ROWS[name]
    assert [cell.strip() for cell in said] == [images, str(facts.classes), f"{facts.channels}, {facts.height}, {facts.width}"]


def test_every_dataset_and_format_is_on_the_page_and_no_other():
    assert ROWS.keys() - {"name", "format"} == DATASETS.keys() | set(FORMATS)


def test_the_first_example_is_understood():
    settings = YAML(typ="safe").load(block("yaml", "cifar10"))["dataset"]
    assert dataset_facts(settings).classes == 3
    assert dataset_source(settings, {}) == "data/downloads"


def test_the_example_of_ones_own_data_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exec(block("python", "savez"), {})
    _, *arguments = block("", "stir fingerprint").split()
    printed = CliRunner().invoke(main, arguments).output.strip()
    settings = YAML(typ="safe").load(block("yaml", "mine").replace("<64 hexadecimal digits>", f"'{printed}'"))["dataset"]
    assert set(OWN_KEYS) < settings.keys()
    split = load_split(settings, source=dataset_source(settings, {}), generator=np.random.default_rng(settings["random_seed"]))
    assert split.test_images.shape == (300, 1, 8, 8)
    assert split.white_level == 16
