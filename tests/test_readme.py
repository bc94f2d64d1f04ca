"""The README matches the code: its example runs, and its numbers are rendered again."""

import contextlib
import io
import re
from pathlib import Path

import pandas as pd

from scripts import controls, pretrained, quickstart

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_example_prints_what_the_readme_says():
    (example,) = re.findall(r"```python\n(.*?)```\n\n```\n(.*?)```", README, re.DOTALL)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(example[0], {})
    numbers = [[float(number) for number in re.findall(r"\d+\.?\d*", text)] for text in (printed.getvalue(), example[1])]
    assert len(numbers[0]) == 3
    for ours, printed_number in zip(*numbers, strict=True):
        assert abs(ours - printed_number) <= max(0.02, 0.01 * printed_number), (printed.getvalue(), example[1])


def test_it_is_short():
    assert len(README.splitlines()) < 120


def test_the_numbers_are_those_of_the_kept_tables():
    for page, text in quickstart.pages().items():
        assert text == page.read_text(encoding="utf-8"), f"{page}: render it by `make readme`"


def test_what_it_says_of_other_processors_is_what_their_page_says():
    (said,) = re.findall(r"Trainings differ between processors.*?\n\n", README, re.DOTALL)
    page = (ROOT / "docs" / "reproducibility.md").read_text(encoding="utf-8")
    numbers = re.findall(r"\d+\.\d+(?: ± \d+\.\d+)?", said)
    assert len(numbers) == 4
    assert [number for number in numbers if number not in page] == []


def test_it_says_how_many_jobs_the_quickstart_has():
    from stir_workflow.planning.loading import load_experiment
    from stir_workflow.planning.plan import Plan
    from stir_workflow.store.facts import PARTS
    from tests.experiment_files import QUICKSTART

    made = Plan("quickstart", load_experiment(QUICKSTART)).by_path.values()
    assert f"{sum(artifact.recipe.stage not in PARTS for artifact in made)} jobs, a few minutes" in README


def named_in_table(page, heading):
    """Return the names in the first column of a table of a page."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8") + "\n\n"
    rows = re.search(rf"^\| `{heading}` \| \|\n(.*?)\n\n", text, re.DOTALL | re.MULTILINE).group(1)
    return set(re.findall(r"`([\w.]+)`", "\n".join(row.split(" | ")[0] for row in rows.splitlines())))


def test_the_page_on_measures_names_every_one():
    from stir.similarity import SIMILARITY_MEASURES

    assert named_in_table("similarity.md", "similarity_measures") == set(SIMILARITY_MEASURES), "docs/similarity.md"


def test_the_page_on_pretrained_networks_is_that_of_the_kept_tables():
    assert pretrained.render() == (ROOT / "docs" / "pretrained.md").read_text(encoding="utf-8")


def test_the_page_on_controls_is_that_of_the_kept_tables():
    assert controls.page_with(controls.render(pd.read_csv(controls.SUMMARY))) == controls.PAGE.read_text(encoding="utf-8")


def test_the_page_on_models_names_every_architecture():
    from stir.models import ARCHITECTURES, SMALL_IMAGE_ARCHITECTURES

    named = named_in_table("models.md", "architecture")
    assert named - {"torchvision.resnet50"} == set(SMALL_IMAGE_ARCHITECTURES)
    assert named <= set(ARCHITECTURES)


def test_every_local_link_leads_somewhere():
    links = [link for link in re.findall(r"\]\(([^)]+)\)", README) if "://" not in link]
    assert len(links) > 5
    assert [link for link in links if not (ROOT / link.partition("#")[0]).exists()] == []
