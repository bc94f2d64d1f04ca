"""Find experiment files, and read them with what they extend."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from stir.errors import InvalidInputError, near_matches
from stir.names import shortened
from stir_workflow.planning.bounded_yaml import ExperimentError, read_yaml
from stir_workflow.planning.naming import check_scale_names, published_name
from stir_workflow.planning.scales import (
    OWN_KEYS,
    Part,
    Place,
    Written,
    check_scale,
    default_scale,
    origin,
    parts_of,
    scale_names,
)

__all__ = [
    "EXPERIMENTS",
    "WORKFLOW",
    "ExperimentError",
    "ExperimentFile",
    "blamed",
    "extended_file",
    "find_experiment",
    "read_experiment",
    "read_yaml",
    "refuse",
]

WORKFLOW = Path(__file__).resolve().parents[2]
EXPERIMENTS = WORKFLOW / "experiments"
SUFFIXES = (".yaml", ".yml")
LONGEST_NAME = 255
"""Bytes of a file's name, as file systems have it."""
LONGEST_CHAIN = 20
"""Files, each of which extends the next."""
MOST_SCALES = 100
MOST_PROBLEMS = 20
"""Lines of one refusal."""


def find_experiment(name_or_path: str) -> Path:
    """Return the file of an experiment, named or by its path; a name is looked for in the folders of experiments, too.

    Raises
    ------
    ExperimentError
        If there is none, with near matches; or several; or its file's name is none for tables and figures.
    """
    if name_or_path.endswith(SUFFIXES):
        if not is_file(name_or_path):
            raise ExperimentError(f"Expected an experiment file at {shortened(name_or_path, 300)}; there is none.")
        return _fitly_named(Path(name_or_path))
    files = sorted(EXPERIMENTS.rglob("*.yaml"))
    found = [file for file in files if file.stem == name_or_path]
    if len(found) > 1:
        raise ExperimentError(f"Expected one experiment {name_or_path!r}; got {', '.join(map(str, found))}. Name it by its path.")
    if not found:
        beside = [f"{name_or_path}{suffix}" for suffix in SUFFIXES if is_file(f"{name_or_path}{suffix}")]
        near = near_matches(name_or_path, {file.stem for file in files})
        if beside:
            near = f"Did you mean {' or '.join(map(shortened, beside))}?"
        raise ExperimentError(
            f"Unknown experiment {shortened(name_or_path)}. {near} "
            "A file of your own is named by its path, such as path/to/file.yaml."
        )
    return _fitly_named(found[0])


def _fitly_named(path: Path) -> Path:
    _published_name(path, None)
    return path


def _published_name(path: Path, scale: str | None) -> str:
    try:
        return published_name(path.stem, scale)
    except InvalidInputError as error:
        raise ExperimentError(f"{shortened(str(path), 300)}: {error}") from error


def is_file(path: str) -> bool:
    """Return whether there is a file at a path; there is none at what can be no path."""
    try:
        return Path(path).is_file()
    except (OSError, ValueError):  # a name that is too long, or with NUL in it
        return False


@dataclass(frozen=True)
class ExperimentFile:
    """An experiment file, with the files that it extends."""

    path: Path
    pile: tuple[Written, ...]
    """What is extended first, the file itself last."""

    @property
    def scales(self) -> list[str | None]:
        """All scales that it can be run at, its default first; None alone if it knows none."""
        default = self.chosen(None)
        return [default, *(name for name in scale_names(self.pile) if name != default)]

    def chosen(self, scale: str | None) -> str | None:
        """Return a scale, or the file's default for None.

        Raises
        ------
        ExperimentError
            If the file does not know it, or has scales and no default.
        """
        scale = default_scale(self.pile) if scale is None else scale
        if scale is None and (names := scale_names(self.pile)):
            raise ExperimentError(f"{self.path}: scale: expected one of the scales as the default: {', '.join(names)}; got none")
        try:
            check_scale(self.pile, scale)
        except InvalidInputError as error:
            raise ExperimentError(f"{self.path}: {error}") from error
        return scale

    def name(self, scale: str | None = None) -> str:
        """Return what tables and figures are called: tables of two scales do not overwrite each other.

        Raises
        ------
        ExperimentError
            If that is no name, or one that tables of another experiment could have.
        """
        chosen = self.chosen(scale)
        return _published_name(self.path, None if chosen == default_scale(self.pile) else chosen)

    def parts(self, scale: str | None = None) -> list[Part]:
        """Return what is said at a scale, from below."""
        return parts_of(self.pile, self.chosen(scale))


def read_experiment(path: Path) -> ExperimentFile:
    """Read an experiment file and all that it extends.

    Raises
    ------
    ExperimentError
        If one cannot be read, or extends itself, or has scales that are none.
    """
    pile: list[Written] = []
    following: Path | None = path
    while following is not None:
        if any(following.resolve() == written.file.resolve() for written in pile):
            raise ExperimentError(f"{path}: extends: {following} extends itself, by way of {' and '.join(_files(pile))}")
        if len(pile) == LONGEST_CHAIN:
            raise ExperimentError(f"{path}: extends: expected a chain of at most {LONGEST_CHAIN} files; got more")
        content = read_yaml(following)
        if not isinstance(content, Mapping):
            raise ExperimentError(f"{following}: the file: expected keys and values; got {shortened(content)}")
        _check_own_keys(following, content)
        pile.insert(0, Written(following, content))
        following = _extended(following, content)
    return ExperimentFile(path, tuple(pile))


def extended_file(path: Path) -> Path | None:
    """Return the file that a file extends, if it can be read and extends any."""
    try:
        content = read_yaml(path)
        return _extended(path, content) if isinstance(content, Mapping) else None
    except (ExperimentError, OSError):
        return None


def refuse(parts: list[Part], problems: Iterable[str]) -> None:
    """Refuse an experiment of which there are problems, each said in a line with its file and place.

    Raises
    ------
    ExperimentError
        Listing the problems, of very many the first.
    """
    lines = [blamed(parts, problem) for problem in islice(problems, MOST_PROBLEMS + 1)]
    if len(lines) > MOST_PROBLEMS:
        lines[-1] = f"{parts[-1].file}: the file: there are more problems than these {MOST_PROBLEMS}"
    if lines:
        raise ExperimentError("\n".join(lines))


def blamed(parts: list[Part], problem: str) -> str:
    """Put file and place of a value before what is wrong with it: ``models[0].width: expected ...``."""
    found = re.match(r"[A-Za-z_0-9]+(?:\[\d+\]|\.[A-Za-z_0-9]+)*(?=: )", problem)
    part = origin(parts, _place(found[0]) if found else ())
    return f"{part.file}: {''.join(f'{step}.' for step in part.within) if found else ''}{problem}"


def _place(dotted: str) -> Place:
    return tuple(int(step) if step.isdigit() else step for step in re.findall(r"[A-Za-z_0-9]+", dotted))


def _files(pile: list[Written]) -> list[str]:
    return [str(written.file) for written in pile]


def _check_own_keys(file: Path, content: Mapping[str, Any]) -> None:
    for key in ("extends", "scale"):
        if not isinstance(content.get(key, ""), str):
            raise ExperimentError(f"{file}: {key}: expected a text; got {shortened(content[key])}")
    scales = content.get("scales", {})
    inner = {f"scales.{name}": value for name, value in scales.items()} if isinstance(scales, Mapping) else {}
    for place, value in {"scales": scales, **inner}.items():
        if not isinstance(value, Mapping):
            raise ExperimentError(f"{file}: {place}: expected keys and values; got {shortened(value)}")
    if len(inner) > MOST_SCALES:
        raise ExperimentError(f"{file}: scales: expected at most {MOST_SCALES} scales; got {len(inner)}")
    for place, value in inner.items():
        for key in OWN_KEYS:
            if key in value:
                raise ExperimentError(
                    f"{file}: {place}.{key}: a scale has no {key} of its own; say it beside 'scales', or leave it out"
                )
    try:
        check_scale_names(content)
    except InvalidInputError as error:
        raise ExperimentError(f"{file}: {error}") from error


def _extended(file: Path, content: Mapping[str, Any]) -> Path | None:
    if "extends" not in content:
        return None
    name = str(content["extends"])
    beside = name.endswith(SUFFIXES) and Path(name).name == name and len(name.encode()) <= LONGEST_NAME
    path = file.parent / name if beside else None
    if path is None or not is_file(str(path)):
        near = near_matches(
            name[:LONGEST_NAME], [other.name for other in sorted(file.parent.glob("*.y*ml")) if other != file and other.is_file()]
        )
        raise ExperimentError(
            f"{file}: extends: expected the name of an experiment file beside this one; got {shortened(name)}. {near}"
        )
    return path
