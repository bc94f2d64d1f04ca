"""Experiment file -> settings, checked against the schema, with defaults filled in."""

import math
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from stir.errors import StirError, near_matches

WORKFLOW = Path(__file__).resolve().parent.parent
EXPERIMENTS = WORKFLOW / "experiments"
SCHEMA = WORKFLOW / "schemas" / "experiment.schema.yaml"
TYPES = {"integer": "a whole number", "number": "a number", "string": "a text", "array": "a list", "object": "keys and values"}

Experiment = dict[str, Any]


class ExperimentError(StirError, ValueError):
    """An experiment file that cannot be run as it stands."""


def find_experiment(name_or_path: str) -> Path:
    """Return the file of an experiment, named or by its path.

    Raises
    ------
    ExperimentError
        If there is none; with near matches.
    """
    if name_or_path.endswith((".yaml", ".yml")):
        path = Path(name_or_path)
        if not path.is_file():
            raise ExperimentError(f"Expected an experiment file at {path}; there is none.")
        return path
    path = EXPERIMENTS / f"{name_or_path}.yaml"
    if not path.is_file():
        known = [file.stem for file in EXPERIMENTS.glob("*.yaml")]
        raise ExperimentError(
            f"Unknown experiment {name_or_path!r}. {near_matches(name_or_path, known)} "
            "A file of your own is named by its path: --config experiment=path/to/file.yaml"
        )
    return path


def load_experiment(path: Path) -> Experiment:
    """Read an experiment file, check it against the schema, fill in defaults.

    Raises
    ------
    ExperimentError
        Listing everything that is wrong: file, key or value, what was expected.
    """
    content = _read_yaml(path)
    schema = _read_yaml(SCHEMA)
    errors = Draft202012Validator(schema).iter_errors(content)
    problems = [line for error in sorted(errors, key=_place) for line in _messages(error)]
    problems += [f"{place}: expected a finite number; got {value}" for place, value in _not_finite(content, [])]
    if problems:
        raise ExperimentError("\n".join(f"{path}: {problem}" for problem in problems))
    return _with_defaults(content, schema, schema)


def _read_yaml(path: Path) -> Any:
    """Read YAML 1.2, in which 1e-3 is a number and a repeated key is an error."""
    try:
        return YAML(typ="safe").load(path)
    except MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise ExperimentError(f"{path}: {line}{str(error.problem).splitlines()[0]}") from None
    except (YAMLError, UnicodeDecodeError) as error:
        raise ExperimentError(f"{path}: not YAML: {error}") from None


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
    elif error.validator == "required":
        for key in sorted(set(expected) - set(instance)):
            yield f"{place}: the key {key!r} is missing"
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


def _with_defaults(value: Any, schema: dict[str, Any], root: dict[str, Any]) -> Any:
    """Fill in the schema's defaults, and make every number that may have a fraction a float."""
    if "$ref" in schema:
        schema = root["$defs"][schema["$ref"].rsplit("/", 1)[1]]
    kind = schema.get("type")
    if kind == "object":
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
