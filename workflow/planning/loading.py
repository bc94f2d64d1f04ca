"""Experiment file -> settings, checked against the schema, with defaults filled in."""

import math
from collections.abc import Iterator, Mapping
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import ValidationError

from planning.reading import EXPERIMENTS, WORKFLOW, ExperimentError, blamed, find_experiment, read_experiment, read_yaml
from planning.scales import united
from stir.errors import near_matches
from stir.names import NAME_GRAMMAR, is_name, shortened

__all__ = ["EXPERIMENTS", "SCHEMA", "Experiment", "ExperimentError", "find_experiment", "load_experiment"]

SCHEMA = WORKFLOW / "schemas" / "experiment.schema.yaml"
TYPES = {
    "integer": "a whole number",
    "number": "a number",
    "string": "a text",
    "array": "a list",
    "object": "keys and values",
    "boolean": "true or false",
}
ALTERNATIVES = {"array": list, "string": str}
"""Types that stand beside another type in the schema."""
FORMATS = FormatChecker(formats=())
"""``format: name`` in the schema, by the one grammar of names."""
FORMATS.checks("name")(lambda value: is_name(value) or not isinstance(value, str))

Experiment = dict[str, Any]


def load_experiment(path: Path, scale: str | None = None) -> Experiment:
    """Read an experiment file and what it extends, check it against the schema, fill in defaults.

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
    parts = read_experiment(path).parts(scale)
    content, schema = united(parts), _schema()
    errors = Draft202012Validator(schema, format_checker=FORMATS).iter_errors(content)
    problems = [line for error in sorted(errors, key=_place) for line in _messages(error)]
    problems += [f"{place}: expected a finite number; got {value}" for place, value in _not_finite(content, [])]
    if problems:
        raise ExperimentError("\n".join(blamed(parts, problem) for problem in problems))
    return _with_defaults(content, schema, schema)


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
    if error.validator == "additionalProperties":
        known = schema["properties"]
        for key in sorted(set(instance) - set(known), key=str):
            yield f"{place}: unknown key {key!r}. {near_matches(key, known)}"
    elif error.validator == "type":
        yield f"{place}: expected {TYPES[expected]}; got {instance!r}"
    elif error.validator == "format":
        yield f"{place}: expected {NAME_GRAMMAR}; got {shortened(instance)}"
    elif error.validator == "required":
        for key in sorted(set(expected) - set(instance)):
            yield f"{place}: the key {key!r} is missing"
    elif error.validator == "enum":
        yield f"{place}: unknown {instance!r}. {near_matches(instance, expected)}"
    elif error.validator == "oneOf":
        yield f"{place}: expected either training and training_seeds, or checkpoint and sha256; got {sorted(instance)}"
    else:
        yield f"{place}: {error.message}"


def _not_finite(value: Any, parts: list[Any]) -> Iterator[tuple[str, float]]:
    """Find NaN and infinity, which YAML can write and no setting can be."""
    if isinstance(value, float) and not math.isfinite(value):
        yield _dotted(parts), value
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield from _not_finite(child, [*parts, key])


def _with_defaults(value: Any, schema: Mapping[str, Any], root: Mapping[str, Any]) -> Any:
    """Fill in the schema's defaults, and make every number that may have a fraction a float."""
    if "if" in schema:  # either of two types
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
    return {"number": float, "integer": int}.get(kind or "", lambda same: same)(value)
