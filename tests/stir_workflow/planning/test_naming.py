"""What an experiment's tables are called: a name by the grammar, and no other experiment's."""

import re

import pytest

from stir.errors import InvalidInputError
from stir.names import TABLE_ENDINGS, is_layer
from stir_workflow.planning.loading import GRAMMARS, ExperimentError, find_experiment, load_experiment
from stir_workflow.planning.naming import SENSITIVITY, published_name
from stir_workflow.planning.plan import Plan
from tests.experiment_files import edited, write_yaml
from tests.stir_workflow.planning.test_loading import EVERYTHING, MODELS, schema_places

HOSTILE = [
    "$(touch PWNED)`touch PWNED`;",
    "../../../X",
    "a|b'\"{x}\nORDER\ntouch PWNED\n",
    "name\n",
    "a b",
    "a/b",
    "\0",
    "x" * 65,
]
EXPECTED_OF_SCALES = "Expected the scale as a name|scale: expected text without control|scales: expected keys of plain text"
"""Control characters are refused anywhere in a file, before names are looked at."""
FREE = {"description", "extends", "path", "checkpoint", "fingerprint", "model", "weights", "perturbed_images"}
"""Texts that are no names, and become no part of a path or a command. What is extended is another file's name."""


@pytest.mark.parametrize(
    ("stem", "scale", "name"),
    [("mine", None, "mine"), ("my experiment 2", None, "my_experiment_2"), ("a.b-c_d", "small", "a.b-c_d-small")],
)
def test_tables_are_called_after_the_file_and_its_scale(stem, scale, name):
    assert published_name(stem, scale) == name


@pytest.mark.parametrize("stem", [*(text for text in HOSTILE if text != "a b"), "", ".hidden", "-x", "é", "a\tb", "a,b"])
def test_a_file_with_another_name_is_refused_on_one_line(stem):
    with pytest.raises(InvalidInputError, match="rename the file") as refused:
        published_name(stem)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("stem", "scale"), [*((f"tiny{ending}", None) for ending in (*TABLE_ENDINGS, SENSITIVITY)), ("a", "x-summary")]
)
def test_a_name_that_tables_of_another_experiment_have_is_refused(stem, scale):
    with pytest.raises(InvalidInputError, match=r"does not end in -summary or .*; rename the file or the scale"):
        published_name(stem, scale)


def test_a_name_with_its_scale_may_not_be_longer_than_names_are():
    with pytest.raises(InvalidInputError, match="at most 64 characters"):
        published_name("a" * 40, "b" * 40)


def test_a_badly_named_file_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "a;touch PWNED.yaml"
    path.write_text("[")
    with pytest.raises(ExperimentError, match=r"a;touch PWNED\.yaml'.*rename the file"):
        find_experiment(str(path))


@pytest.mark.parametrize("scale", HOSTILE)
@pytest.mark.parametrize("key", ["scale", "scales"])
def test_scales_have_names(quickstart, tmp_path, key, scale):
    content = quickstart | (
        {"scale": scale, "scales": {"small": {}}} if key == "scale" else {"scale": "small", "scales": {scale: {}}}
    )
    with pytest.raises(ExperimentError, match=rf"mine\.yaml: ({EXPECTED_OF_SCALES})") as refused:
        load_experiment(write_yaml(tmp_path / "mine.yaml", content))
    assert len(str(refused.value).splitlines()) == 1


def places_of_texts(value, place=""):
    """Yield the dotted place of every text in nested mappings and lists."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in items:
        inner = f"{place}.{key}" if place else str(key)
        if isinstance(part, str):
            yield inner
        yield from places_of_texts(part, inner)


ALL = edited(
    EVERYTHING,
    {
        "models.1": {"name": MODELS[1], "architecture": "vgg6", "checkpoint": "w.pt", "sha256": "0" * 64, "dataset": "mine"},
        "models.2": {"name": MODELS[2], "model": "timm:test_vit", "weights": "default"},
        "layers.1.by_architecture": {"resnet8": "stage3.0", "vgg6": "stage3.0", "timm:test_vit": "norm"},
        "inversion.method": "lbfgs",
    },
)
PLACES = sorted(places_of_texts(ALL))


@pytest.mark.parametrize("place", [*PLACES, "layers.1.by_architecture.KEY"])
def test_no_text_of_an_experiment_file_gets_into_a_path_or_a_command_unless_it_is_a_name(load, place):
    for text in HOSTILE:
        if place.endswith("KEY"):
            content = edited(ALL, {"layers.1.by_architecture": {text: "stage3"}})
        else:
            content = edited(ALL, {place: text})
        try:
            plan = Plan("mine", load(content))
        except ExperimentError:
            continue
        assert place.rpartition(".")[2] in FREE or (place.startswith("layers.") and is_layer(text))
        for made in plan.by_path.values():
            assert all(re.fullmatch(r"\w[\w.-]*", part, re.ASCII) for part in made.path.split("/")), made.path
            assert re.fullmatch(r"[A-Za-z0-9_/.-]+", made.path + made.log + made.benchmark)
            assert len(made.settings.splitlines()) == 1


def test_every_text_of_the_schema_is_a_name_a_choice_a_digest_or_known_to_be_free():
    for place, part in schema_places().items():
        for text in (part, part.get("items", {}), part.get("additionalProperties") or {}):
            if text.get("type") == "string" and "enum" not in text and place.rpartition(".")[2] not in FREE | {"scale"}:
                assert text.get("format") in GRAMMARS or re.match(r"\\A.*\\Z$", text["pattern"]), place


def test_names_that_people_give_are_taken(quickstart, load):
    load(
        edited(
            quickstart, {"models.0.name": "_my.model-2", "layers": ["stage3", "network.layer1.0.relu"], "dataset.label": "2024"}
        )
    )
