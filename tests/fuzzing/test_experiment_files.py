"""Whatever an experiment file holds: it is refused, each line with its file and key, or all that it plans can be made."""

import datetime
import time
from contextlib import suppress
from copy import deepcopy

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stir.errors import StirError
from stir.names import is_inside
from stir_workflow.planning.loading import load_experiment
from stir_workflow.planning.meaning import check_meaning
from stir_workflow.planning.plan import Plan
from tests.experiment_files import QUICKSTART, TINY, read_yaml, write_yaml

SURFACE = "experiment files"
BASES = [read_yaml(path) for path in (TINY, TINY, QUICKSTART)]
AT_ONCE = 10.0
"""Seconds, on a busy machine."""

ODD_TEXTS = [
    "",
    "~",
    "~nosuchuser",
    "../../x",
    "/dev/zero",
    "a b",
    "$(touch x)",
    "x\n",
    "8/255",
    "penultimate",
    "stage1",
    "at",
    "mart",
]
ODD_TEXTS += [
    "digits",
    "cifar10",
    "imagenet",
    "torchvision.squeezenet1_0",
    "resnet8",
    "linf",
    "l2",
    "trades",
    "x" * 300,
    "mean_cca",
    "os:system",
    "networks.py:make",
    "timm:test_vit",
    "none",
    "random",
]
ODD_NUMBERS = [0, -1, 1, 2, 3, 5.0, 0.5, 8, 255, 2**31, 2**63, 2**64, 10**30, 1e308, 1e-320, -0.0]
ODD_NUMBERS += [float("nan"), float("inf"), True, None, datetime.date(2026, 1, 1)]
texts = st.sampled_from(ODD_TEXTS) | st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
scalars = st.sampled_from(ODD_NUMBERS) | texts | st.integers() | st.floats()
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts | st.integers(), inner, max_size=3), max_leaves=6
)
ATTACK = {"norm": "linf", "eps": 8, "steps": 1, "step_size": 2}
FURTHER = [
    {"name": "digits", "n_test": 64, "label": "again"},
    {"name": "digits", "n_test": 32, "label": "fewer", "classes": [0, 1]},
]
ADDITIONS = [
    ("layers", ["penultimate", {"label": "last", "by_architecture": {"resnet8": "penultimate", "vgg6": "pooling"}}]),
    ("further_datasets", FURTHER),
    ("evaluation", [ATTACK, ATTACK]),
    ("scales", {"small": {"width": 2, "scales": {}}}),
    ("scale", "small"),
    ("extends", "base.yaml"),
    ("models.0.dataset", "fewer"),
    ("models.0.checkpoint", "w.pt"),
    ("images.datasets", ["digits", "fewer"]),
    ("models.0.model", "stir:resnet8"),
    ("models.1", {"name": "x", "model": "networks.py:make", "arguments": {"a": [1]}, "weights": "random", "random_seed": 0}),
    ("models.1", {"name": "x", "model": "stir:vgg6", "width": 2, "weights": "random", "random_seed": 0, "classes": 10}),
    (
        "models.1",
        {"name": "x", "model": "torchvision:resnet18", "weights": "DEFAULT", "resize": "none", "mean": [0], "std": [1]},
    ),
]


def places(value, parents=()):
    """Yield the place of every value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield (*parents, key)
        yield from places(inner, (*parents, key))


def changed(content, change):
    """Change a mapping in one of the ways in which people and attackers do; not every way goes at every place."""
    kind, number, value, other = change
    everywhere = list(places(content))
    if not everywhere:
        return
    *parents, last = everywhere[number % len(everywhere)]
    holder = content
    for part in parents:
        holder = holder[part]
    if kind == "drop":
        del holder[last]
    elif kind == "rename" and isinstance(holder, dict):
        holder[value if isinstance(value, str) else other] = holder.pop(last)
    elif kind == "replace":
        holder[last] = value
    elif kind == "double" and isinstance(holder[last], list):
        holder[last] = holder[last] * 2
    elif kind == "again" and isinstance(holder, list):
        holder.append(deepcopy(holder[last]))
    elif kind == "move":
        holder[last] = deepcopy(value_at(content, everywhere[hash(other) % len(everywhere)]))
    elif kind == "add":
        place, added = ADDITIONS[number % len(ADDITIONS)]
        with suppress(KeyError, TypeError, IndexError):
            *way, key = [int(part) if part.isdigit() else part for part in place.split(".")]
            value_at(content, way)[key] = deepcopy(added)


def value_at(content, place):
    for part in place:
        content = content[part]
    return content


KINDS = ["drop", "rename", "replace", "double", "again", "move", "add"]
changes = st.tuples(st.sampled_from(KINDS), st.integers(0, 10_000), values, st.integers(0, 10_000))


def outcome(path):
    """Load, check and plan a file as a run does; say what came of it, and fail for whatever should not have."""
    try:
        plan, experiment = planned(path)
        check_meaning(experiment, path)
    except StirError as error:
        lines = str(error).split("\n")
        assert all(line.startswith(f"{path}: ") and line.isprintable() and len(line) < 4_000 for line in lines), lines
        return f"refused: {type(error).__name__}"
    for made in plan.by_path.values():
        assert is_inside(path.parent / made.path, path.parent), made.path
        assert is_inside(path.parent / made.benchmark, path.parent), made.benchmark
    return "planned"


def planned(path):
    began = time.monotonic()
    try:
        experiment = load_experiment(path)
        return Plan("mine", experiment, {}), experiment
    finally:
        assert time.monotonic() - began < AT_ONCE


@pytest.fixture
def path(tmp_path):
    return tmp_path / "mine.yaml"


@given(base=st.sampled_from(BASES), edits=st.lists(changes, min_size=1, max_size=3))
def test_a_mapping_is_refused_with_file_and_key_or_planned(base, edits, path, counts):
    content = deepcopy(base)
    for change in edits:
        changed(content, change)
    write_yaml(path, content)
    counts[SURFACE, outcome(path)] += 1


SPLICES = [
    "[",
    "{",
    "&a ",
    "*a",
    "<<: ",
    "!!set ",
    "? ",
    "- ",
    ": ",
    "\n",
    "\t",
    "#",
    "|",
    '"',
    "%YAML 1.1\n---\n",
    "\x00",
    "\ufeff",
    "...\n",
]


@given(
    start=st.integers(0, 900),
    length=st.integers(0, 40),
    splice=st.lists(st.sampled_from(SPLICES) | st.text(max_size=5), max_size=6).map("".join),
    times=st.sampled_from([1, 2, 30, 300]),
)
@example(start=0, length=0, splice="[", times=900)
def test_a_text_with_a_piece_of_something_else_is_refused_or_planned(start, length, splice, times, path, counts):
    text = TINY.read_text(encoding="utf-8")
    broken = text[:start] + splice * times + text[start + length :]
    path.write_bytes(broken.encode("utf-8", "surrogatepass"))
    counts[SURFACE, outcome(path)] += 1


@given(content=st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-16", "surrogatepass")))
def test_bytes_are_refused_in_one_line(content, path, counts):
    path.write_bytes(content)
    counts[SURFACE, outcome(path)] += 1
