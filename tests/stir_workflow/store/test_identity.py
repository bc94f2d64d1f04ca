"""A key names everything that determines an artifact, and nothing else."""

import hashlib
import math
import re
import subprocess
import sys
from dataclasses import replace

import pytest

from stir_workflow.store.identity import Recipe

SETTINGS = {"layer": "stage3", "tolerance": 0.1, "attack": {"norm": "l2", "eps": 1.0}}
INPUTS = {"checkpoint": "0123456789", "iris": ["aaaaaaaaaa", "bbbbbbbbbb"]}
RECIPE = Recipe("iri", 3, SETTINGS, INPUTS)
CANONICAL = (
    '{"inputs":{"checkpoint":"0123456789","iris":["aaaaaaaaaa","bbbbbbbbbb"]},'
    '"settings":{"attack":{"eps":1.0,"norm":"l2"},"layer":"stage3","tolerance":0.1},'
    '"stage":"iri","version":3}'
)
KNOWN_KEY = "1224cc7c55"


def test_key_of_a_fixed_recipe_never_changes():
    """Every cached artifact of every user is lost to them if it does."""
    assert RECIPE.to_json() == CANONICAL
    assert RECIPE.key == KNOWN_KEY == hashlib.sha256(CANONICAL.encode()).hexdigest()[:10]


def test_key_is_ten_hexadecimal_digits():
    assert re.fullmatch("[0-9a-f]{10}", RECIPE.key)


OTHERS = {
    "stage": replace(RECIPE, stage="score"),
    "version": replace(RECIPE, version=4),
    "setting": replace(RECIPE, settings=SETTINGS | {"tolerance": 0.2}),
    "nested setting": replace(RECIPE, settings=SETTINGS | {"attack": {"norm": "l2", "eps": 0.5}}),
    "setting more": replace(RECIPE, settings=SETTINGS | {"method": "lbfgs"}),
    "setting less": replace(RECIPE, settings={"layer": "stage3"}),
    "setting's type": replace(RECIPE, settings=SETTINGS | {"tolerance": "0.1"}),
    "input": replace(RECIPE, inputs=INPUTS | {"checkpoint": "9876543210"}),
    "input's role": replace(RECIPE, inputs={"model": INPUTS["checkpoint"], "iris": INPUTS["iris"]}),
    "one input of several": replace(RECIPE, inputs=INPUTS | {"iris": ["aaaaaaaaaa", "cccccccccc"]}),
    "order of inputs": replace(RECIPE, inputs=INPUTS | {"iris": ["bbbbbbbbbb", "aaaaaaaaaa"]}),
    "input less": replace(RECIPE, inputs={"checkpoint": "0123456789"}),
}


@pytest.mark.parametrize("part", OTHERS)
def test_key_depends_on_every_part(part):
    assert OTHERS[part].key != RECIPE.key


def test_recipes_that_differ_have_keys_that_differ():
    assert len({recipe.key for recipe in OTHERS.values()}) == len(OTHERS)


def test_key_does_not_depend_on_the_order_of_settings():
    turned = {"attack": {"eps": 1.0, "norm": "l2"}, "tolerance": 0.1, "layer": "stage3"}
    assert Recipe("iri", 3, turned, dict(reversed(INPUTS.items()))).key == RECIPE.key


def test_json_round_trip():
    assert Recipe.from_json(RECIPE.to_json()) == RECIPE
    assert Recipe.from_json(RECIPE.to_json()).key == RECIPE.key


def test_key_survives_text_that_is_not_ascii():
    recipe = Recipe("iri", 1, {"layer": "größe"})
    assert Recipe.from_json(recipe.to_json()).key == recipe.key


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_numbers_that_json_does_not_have_are_refused(number):
    with pytest.raises(ValueError, match="JSON"):
        _ = Recipe("iri", 1, {"tolerance": number}).key


def test_importing_it_is_cheap():
    heavy = ("torch", "h5py", "pandas", "numpy")
    code = f"import sys, stir_workflow.store.identity; sys.exit(any(name in sys.modules for name in {heavy}))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
