"""A project folder with one small experiment, whose artifacts contain only their own names."""

import shutil

import pytest

from stir_workflow.planning.loading import load_experiment
from stir_workflow.planning.naming import without_blanks
from stir_workflow.planning.plan import Plan
from stir_workflow.store.artifacts import sealing
from stir_workflow.store.identity import Recipe
from stir_workflow.store.stamps import STAMP, keyed_folder, stamp
from tests.experiment_files import TINY, read_yaml, write_yaml


def make(folder, artifact):
    """Make an artifact like its job, but only from its name; a stamp represents a file in a folder with its name."""
    path = folder / artifact.path
    if path.suffix == STAMP:
        stamped = keyed_folder(path) / "table.csv"
        stamped.parent.mkdir(parents=True)
        stamped.write_text(artifact.path)
        stamp(path, artifact.recipe, [stamped])
        return path
    with sealing(path, artifact.recipe) as temporary:
        temporary.write_text(artifact.path * 10)
    return path


@pytest.fixture
def tiny():
    return read_yaml(TINY)


@pytest.fixture
def project(tmp_path, monkeypatch):
    """The current folder, with workflow/experiments/tiny.yaml and no artifacts."""
    experiments = tmp_path / "project" / "workflow" / "experiments"
    experiments.mkdir(parents=True)
    shutil.copy(TINY, experiments)
    monkeypatch.chdir(tmp_path / "project")
    return tmp_path / "project"


@pytest.fixture
def made(project):
    """The same, with all artifacts that tiny needs."""
    for artifact in planned(project / "workflow" / "experiments" / "tiny.yaml").by_path.values():
        make(project, artifact)
    return project


def planned(file):
    return Plan(without_blanks(file.stem), load_experiment(file))


def write_experiment(project, name, content):
    return write_yaml(project / "workflow" / "experiments" / f"{name}.yaml", content)


def make_unneeded(project, layer="stage3", folder="results/iris/model"):
    """Make an artifact that no experiment needs."""
    recipe = Recipe("iri", 1, {"layer": layer})
    path = project / folder / f"{layer}-{recipe.key}.h5"
    with sealing(path, recipe) as temporary:
        temporary.write_text(layer * 100)
    return path
