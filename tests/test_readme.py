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


def test_the_numbers_are_those_of_the_kept_tables():
    assert quickstart.readme_with(quickstart.render()) == README


def test_it_says_how_many_jobs_the_quickstart_has():
    from stir_workflow.planning.loading import load_experiment
    from stir_workflow.planning.plan import Plan
    from stir_workflow.store.facts import PARTS
    from tests.experiment_files import QUICKSTART

    made = Plan("quickstart", load_experiment(QUICKSTART)).by_path.values()
    assert f"{sum(artifact.recipe.stage not in PARTS for artifact in made)} jobs, a few minutes" in README


def named_in_table(heading):
    """Return the names in the first column of a table."""
    rows = re.search(rf"^\| `{heading}` \| \|\n(.*?)\n\n", README, re.DOTALL | re.MULTILINE).group(1)
    return set(re.findall(r"`([\w.]+)`", "\n".join(row.split(" | ")[0] for row in rows.splitlines())))


def test_it_names_every_similarity_measure():
    from stir.similarity import SIMILARITY_MEASURES

    assert named_in_table("similarity_measures") == set(SIMILARITY_MEASURES), "README.md: the table of similarity measures"


def test_the_page_on_pretrained_networks_is_that_of_the_kept_tables():
    assert pretrained.render() == (ROOT / "docs" / "pretrained.md").read_text(encoding="utf-8")


def test_the_page_on_controls_is_that_of_the_kept_tables():
    assert controls.page_with(controls.render(pd.read_csv(controls.SUMMARY))) == controls.PAGE.read_text(encoding="utf-8")


def test_it_names_every_architecture():
    from stir.models import ARCHITECTURES, SMALL_IMAGE_ARCHITECTURES

    named = named_in_table("architecture")
    assert named - {"torchvision.resnet50"} == set(SMALL_IMAGE_ARCHITECTURES)
    assert named <= set(ARCHITECTURES)


def test_every_local_link_leads_somewhere():
    links = [link for link in re.findall(r"\]\(([^)]+)\)", README) if "://" not in link]
    assert len(links) > 5
    assert [link for link in links if not (ROOT / link).exists()] == []
