"""The schema says what the library's dataclasses and registries say: keys, defaults and choices."""

import inspect
import re
from dataclasses import MISSING, fields

import pytest

from stir.inversion import METHODS, InversionSettings
from stir.inversion.settings import PRECISIONS
from stir.models.normalise import NORMALISATIONS
from stir.seed_images import SEED_IMAGES
from stir.training import Attack, Monitor, TrainingRecipe
from stir.training.attacks import NORMS
from stir.training.augmentation import AUGMENTATIONS
from stir.training.objectives import OBJECTIVES
from stir.training.precision import PRECISIONS as TRAINING_PRECISIONS
from stir.training.schedules import SCHEDULES
from stir_workflow.planning.loading import SCHEMA
from stir_workflow.planning.settings import FIXED_IN_INVERSIONS, MEANT_BEFORE, PUBLISHED, WITH_BETA
from stir_workflow.stages.figure import DEFAULT_FIGURES, FIGURES
from stir_workflow.stages.iri import OF_THE_JOB
from stir_workflow.stages.pair import BASES
from tests.experiment_files import read_yaml
from tests.stir_workflow.planning.test_loading import schema_places

PLACES = schema_places()
RECIPE = read_yaml(SCHEMA)["properties"]["training"]["items"]
OF_INVERSIONS_ALONE = {"random_seeds", "minimum_converged_fraction"}
"""Keys that are no setting of one inversion."""


def keys_under(place):
    return {name.removeprefix(f"{place}.") for name in PLACES if re.fullmatch(rf"{re.escape(place)}\.[^.]+", name)}


SAME_KEYS = {
    "inversion": (InversionSettings, OF_INVERSIONS_ALONE, set(FIXED_IN_INVERSIONS)),
    "training": (TrainingRecipe, {"name"}, set()),
    "training.attack": (Attack, set(), set()),
    "training.monitor": (Monitor, set(), set()),
    "evaluation": (Attack, set(), set()),
}


@pytest.mark.parametrize("place", SAME_KEYS)
def test_keys_are_the_fields_of_the_dataclass(place):
    made, only_in_files, only_in_the_library = SAME_KEYS[place]
    assert keys_under(place) - only_in_files == {field.name for field in fields(made)} - only_in_the_library


@pytest.mark.parametrize("place", SAME_KEYS)
def test_defaults_are_those_of_the_dataclass(place):
    made, only_in_files, _ = SAME_KEYS[place]
    defaults = {field.name: field.default for field in fields(made) if field.default is not MISSING}
    for key in keys_under(place) - only_in_files:
        if key in defaults and "default" in PLACES[f"{place}.{key}"]:
            assert PLACES[f"{place}.{key}"]["default"] == defaults[key]
        elif key in defaults:
            required = key in read_yaml(SCHEMA)["properties"].get(place, {}).get("required", [])
            assert required or defaults[key] is None, f"{place}.{key} has a default in the library and none in the schema"


def test_recipes_of_iris_have_every_setting_of_an_inversion(plan):
    settings = plan().references[0].iris[0].recipe.settings
    assert set(settings) - set(OF_THE_JOB) == {field.name for field in fields(InversionSettings)} - set(FIXED_IN_INVERSIONS)


CHOICES = {
    "inversion.precision": PRECISIONS,
    "training.precision": TRAINING_PRECISIONS,
    "training.schedule": SCHEDULES,
    "training.augmentation": AUGMENTATIONS,
    "representations.basis": BASES,
}
LISTED = {
    "inversion.method": METHODS,
    "inversion.seed_images": SEED_IMAGES,
    "training.objective": OBJECTIVES,
    "training.attack.norm": NORMS,
}
"""Names that are checked against registries, and listed in the description."""


@pytest.mark.parametrize("place", CHOICES)
def test_choices_are_those_of_the_library(place):
    assert PLACES[place]["enum"] == list(CHOICES[place])
    assert PLACES[place]["default"] in CHOICES[place]


@pytest.mark.parametrize("place", LISTED)
def test_descriptions_list_the_names_of_the_registry(place):
    assert set(LISTED[place]) <= set(re.findall(r"\w+", PLACES[place]["description"]))


def test_figures_are_those_that_can_be_drawn():
    figures = read_yaml(SCHEMA)["properties"]["figures"]
    assert figures["items"]["enum"] == list(FIGURES)
    assert figures["default"] == list(DEFAULT_FIGURES)


def test_normalisations_are_those_that_torchvisions_networks_take():
    (normalisation,) = [part for place, part in PLACES.items() if place == "models.normalisation"]
    assert set(normalisation["then"]["enum"]) == {PUBLISHED, *NORMALISATIONS}


def test_values_that_recipes_leave_out_are_what_the_library_takes_them_for():
    defaults = {field.name: field.default for made in (TrainingRecipe, Attack) for field in fields(made)}
    assert {name: defaults[name] for name in MEANT_BEFORE} == MEANT_BEFORE


def test_objectives_that_take_beta_are_those_that_use_it():
    using = {name for name, objective in OBJECTIVES.items() if "beta" in inspect.signature(objective).parameters}
    assert using == set(WITH_BETA)
