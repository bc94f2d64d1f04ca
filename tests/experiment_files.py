"""Experiment files for tests: the quickstart, and copies with changes."""

from copy import deepcopy
from pathlib import Path

from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parent.parent
QUICKSTART = ROOT / "workflow" / "experiments" / "quickstart.yaml"
TINY = ROOT / "tests" / "workflow" / "experiments" / "tiny.yaml"


def read_yaml(path):
    return YAML(typ="safe").load(Path(path))


def write_yaml(path, content):
    YAML(typ="safe").dump(content, Path(path))
    return Path(path)


def edited(content, changes):
    """Return a copy with other values; places are dotted paths, and numbers index lists: ``models.0.width``."""
    copy = deepcopy(content)
    for place, value in changes.items():
        *parents, last = [int(part) if part.isdigit() else part for part in place.split(".")]
        target = copy
        for part in parents:
            target = target[part]
        target[last] = value
    return copy


def without(content, place):
    """Return a copy without one key or list item."""
    *parents, last = [int(part) if part.isdigit() else part for part in place.split(".")]
    copy = target = deepcopy(content)
    for part in parents:
        target = target[part]
    del target[last]
    return copy


def places_of_keys(value, parents=()):
    """Yield the dotted place of every key in nested mappings and lists."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in items:
        place = (*parents, str(key))
        if isinstance(value, dict):
            yield ".".join(place)
        yield from places_of_keys(part, place)
