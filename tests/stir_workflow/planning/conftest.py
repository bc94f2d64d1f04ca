"""The quickstart to change, and ways to load what came of it."""

import pytest

from stir_workflow.planning.loading import ExperimentError, load_by_schema, load_experiment
from stir_workflow.planning.meaning import check_meaning
from stir_workflow.planning.plan import Plan
from tests.experiment_files import QUICKSTART, edited, read_yaml, write_yaml


@pytest.fixture
def quickstart():
    """What the file says, before defaults."""
    return read_yaml(QUICKSTART)


@pytest.fixture
def load(tmp_path):
    """Load content (or text) as an experiment file named mine.yaml."""

    def load_content(content, by=load_experiment):
        path = tmp_path / "mine.yaml"
        path.write_text(content, encoding="utf-8") if isinstance(content, str) else write_yaml(path, content)
        return by(path)

    return load_content


@pytest.fixture
def refusal(load, tmp_path):
    """Return the lines that say what is wrong, each of which names the file."""

    def message_of(content):
        with pytest.raises(ExperimentError) as caught:
            check_meaning(load(content, load_by_schema), tmp_path / "mine.yaml")
        lines = str(caught.value).splitlines()
        assert all(line.startswith(f"{tmp_path / 'mine.yaml'}: ") for line in lines)
        return [line.removeprefix(f"{tmp_path / 'mine.yaml'}: ") for line in lines]

    return message_of


@pytest.fixture
def plan(quickstart, load):
    """Plan the quickstart with changes."""

    def plan_with(changes=None, *, content=None, name="mine"):
        return Plan(name, load(edited(content or quickstart, changes or {})))

    return plan_with
