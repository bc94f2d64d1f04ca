"""Experiment file -> settings, checked against the schema, with defaults filled in."""

import math
import re
from collections.abc import Iterator, Mapping
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import ValidationError
from jsonschema.validators import extend

from stir.errors import near_matches
from stir.names import LAYER_GRAMMAR, NAME_GRAMMAR, SELECT_GRAMMAR, is_layer, is_name, is_select, shortened
from stir_workflow.planning.addresses import with_addresses
from stir_workflow.planning.locations import problems_of_paths, with_fingerprints, with_paths
from stir_workflow.planning.reading import (
    EXPERIMENTS,
    WORKFLOW,
    ExperimentError,
    find_experiment,
    read_experiment,
    read_yaml,
    refuse,
)
from stir_workflow.planning.scales import Part, united

__all__ = ["EXPERIMENTS", "SCHEMA", "Experiment", "ExperimentError", "find_experiment", "load_by_schema", "load_experiment"]

SCHEMA = WORKFLOW / "schemas" / "experiment.schema.yaml"
TYPES = {
    "integer": "a whole number",
    "number": "a number",
    "string": "a text",
    "array": "a list",
    "object": "keys and values",
    "boolean": "true or false",
}
BOUNDS = {
    "minimum": "at least {}",
    "maximum": "at most {}",
    "exclusiveMinimum": "more than {}",
    "exclusiveMaximum": "less than {}",
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "minItems": "at least {} items",
    "maxItems": "at most {} items",
    "minProperties": "at least {} keys",
    "maxProperties": "at most {} keys",
    "pattern": "a text that matches {}",
}
INSTEAD = {"last_relu": "Write fake_last_relu: true for fake, and nothing for true"}
"""Keys that there were, and what to write instead."""
SIZES = ("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties")
COMBINATIONS = ("oneOf", "not", "dependentRequired")
"""Rules of the schema on which keys go together; each has a description of what is expected."""
ALTERNATIVES = {"array": list, "string": str}
"""Types that stand beside another type in the schema."""
FORMATS = FormatChecker(formats=())
"""``format: name``, ``layer`` and ``select`` in the schema, by the grammars of `stir.names`."""
GRAMMARS = {"name": (is_name, NAME_GRAMMAR), "layer": (is_layer, LAYER_GRAMMAR), "select": (is_select, SELECT_GRAMMAR)}
"""Formats of the schema -> whether a text is of the format, and what messages call it."""
for _format, (_is_good, _) in GRAMMARS.items():
    FORMATS.checks(_format)(lambda value, is_good=_is_good: is_good(value) or not isinstance(value, str))

Experiment = dict[str, Any]


def load_experiment(path: Path, scale: str | None = None) -> Experiment:
    """Read an experiment that can be planned: as the schema has it, with every name in it that of something in it.

    Parameters
    ----------
    path : Path
        The file.
    scale : str, optional
        One of its scales; its default otherwise.

    Raises
    ------
    ExperimentError
        Listing everything that is wrong: file, key or value, what was expected.
    """
    from stir_workflow.planning.references import problems_of_references
    from stir_workflow.planning.settings import has_patterns

    parts = read_experiment(path).parts(scale)
    experiment = _by_schema(parts)
    refuse(parts, problems_of_references(experiment))
    if has_patterns(experiment):
        from stir_workflow.planning.patterns import expanded  # with torch, which other experiments are planned without

        experiment, problems = expanded(experiment)
        refuse(parts, problems or problems_of_references(experiment))
    return experiment


def load_by_schema(path: Path, scale: str | None = None) -> Experiment:
    """Read an experiment file and what it extends, check it against the schema alone, fill in defaults.

    Raises
    ------
    ExperimentError
        As `load_experiment`.
    """
    return _by_schema(read_experiment(path).parts(scale))


def _by_schema(parts: list[Part]) -> Experiment:
    content, schema, folder = united(parts), _schema(), parts[-1].file.parent
    refuse(parts, dict.fromkeys(_problems(content, schema)))
    refuse(parts, problems_of_paths(content, folder))
    experiment, problems = with_fingerprints(with_paths(_with_defaults(content, schema, schema), folder))
    refuse(parts, problems)
    return with_addresses(experiment, folder)


def _problems(content: Experiment, schema: Any) -> Iterator[str]:
    for error in sorted(_Validator(schema, format_checker=FORMATS).iter_errors(content), key=_place):
        if error.validator not in COMBINATIONS or isinstance(error.instance, dict):  # else the type is what is wrong
            yield from _messages(error)
    for place in _nan(content, []):
        yield f"{place}: expected a number; got NaN, which is none"


def _twice(_validator: Any, unique: bool, items: Any, _schema: Any) -> Iterator[ValidationError]:
    """Find what is in a list twice, in one pass: jsonschema compares each with each."""
    seen = set()
    for item in items if unique and isinstance(items, list) else ():
        if (value := _hashable(item)) in seen:
            yield ValidationError(f"expected different items; got {shortened(item)} twice")
            return
        seen.add(value)


def _hashable(value: Any) -> Any:
    if isinstance(value, dict):
        return frozenset((key, _hashable(inner)) for key, inner in value.items())
    if isinstance(value, list):
        return tuple(map(_hashable, value))
    return (value,) if isinstance(value, bool) else value


_Validator = extend(Draft202012Validator, {"uniqueItems": _twice})  # type: ignore[no-untyped-call]


@cache
def _schema() -> Any:
    return read_yaml(SCHEMA)


def _place(error: ValidationError) -> str:
    return _dotted(error.absolute_path)


def _dotted(parts: Any) -> str:
    text = ""
    for part in parts:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def _messages(error: ValidationError) -> Iterator[str]:
    """Say what is wrong, in the words of the file."""
    place = _dotted(error.absolute_path) or "the file"
    expected: Any = error.validator_value
    instance: Any = error.instance
    schema: Any = error.schema
    kind = str(error.validator)
    if kind == "additionalProperties":
        known = schema["properties"]
        for key in sorted(set(instance) - set(known)):
            yield f"{place}: unknown key {shortened(key)}. {INSTEAD.get(key) or near_matches(key, known)}"
    elif kind == "type":
        yield f"{place}: expected {TYPES[expected]}; got {shortened(instance)}{_hint(expected, instance)}"
    elif kind == "format":
        yield f"{place}: expected {GRAMMARS[expected][1]}; got {shortened(instance)}"
    elif kind == "required":
        for key in sorted(set(expected) - set(instance)):
            yield f"{place}: the key {key!r} is missing"
    elif kind == "enum":
        yield f"{place}: unknown {shortened(instance)}. {near_matches(instance, expected)}"
    elif kind in COMBINATIONS:
        yield f"{place}: expected {schema['description']}; got {shortened(list(instance), 200)}"
    elif kind in BOUNDS:
        came = f"{len(instance):,}" if kind in SIZES else shortened(instance)
        yield f"{place}: expected {BOUNDS[kind].format(expected)}; got {came}"
    else:
        yield f"{place}: {error.message}"


def _hint(expected: str, instance: Any) -> str:
    found = re.fullmatch(r"(\d{1,4})/(\d{1,4})", instance) if expected == "number" and isinstance(instance, str) else None
    return f". Write {int(found[1]) / int(found[2]):.4g}" if found and int(found[2]) else ""


def _nan(value: Any, parts: list[Any]) -> Iterator[str]:
    """Find NaN, which no bound of the schema refuses."""
    if isinstance(value, float) and math.isnan(value):
        yield _dotted(parts)
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield from _nan(child, [*parts, key])


def _with_defaults(value: Any, schema: Mapping[str, Any], root: Mapping[str, Any]) -> Any:
    """Fill in the schema's defaults, and make every number that may have a fraction a float."""
    while "if" in schema:  # either of two types
        schema = schema["then" if isinstance(value, ALTERNATIVES[schema["if"]["type"]]) else "else"]
    if "$ref" in schema:
        schema = root["$defs"][schema["$ref"].rsplit("/", 1)[1]]
    kind = schema.get("type")
    if kind == "object" and "properties" in schema:
        filled = dict(value)
        for key, part in schema["properties"].items():
            if key not in filled and "default" in part:
                filled[key] = deepcopy(part["default"])
            if key in filled:
                filled[key] = _with_defaults(filled[key], part, root)
        return filled
    if kind == "array":
        return [_with_defaults(item, schema["items"], root) for item in value]
    return _number(value) if kind == "number" else int(value) if kind == "integer" else value


def _number(value: float) -> float:
    return float(value) + 0.0  # -0.0, which is another text in a key, becomes 0.0
