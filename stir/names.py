"""Untrusted names and paths: one grammar for names, and two writable folders.

Names come from experiment files, the command line, and seals and stamps from a remote or a shared
folder. They become parts of paths, rules and shell commands, so only this grammar is allowed.
Pure except for resolving links. The Snakefile imports this module, so it has no heavy imports.
"""

import hashlib
import re
from collections.abc import Iterable
from pathlib import Path

from stir.errors import InvalidInputError

NAME_LENGTH = 64
NAME_PATTERN = rf"\A[A-Za-z0-9_][A-Za-z0-9._-]{{0,{NAME_LENGTH - 1}}}\Z"
r"""Names of experiments, scales, models, recipes, labels, layers and datasets. ``\Z``, since ``$`` matches before a newline."""
NAME_GRAMMAR = (
    f"a name of letters, digits, '.', '_' and '-', beginning with a letter, digit or '_', at most {NAME_LENGTH} characters"
)
"""Description of the grammar for messages."""
LAYER_LENGTH = 200
LAYER_PATTERN = rf"\A[A-Za-z0-9_*?\[][A-Za-z0-9._*?\[\]!-]{{0,{LAYER_LENGTH - 1}}}(:[0-9]{{1,6}})?\Z"
"""Of layers: a dotted name, perhaps with a call after a colon, or a pattern of names."""
LAYER_GRAMMAR = (
    f"a layer's dotted name of letters, digits, '.', '_' and '-', at most {LAYER_LENGTH} characters, perhaps with a call (:1), "
    "or a pattern of names (*, ?, [...])"
)
SELECT_PATTERN = rf"\A[A-Za-z0-9_\[][A-Za-z0-9._\[\]-]{{0,{NAME_LENGTH - 1}}}\Z"
"""Of which tensor of a layer's output is read: a field or key, an index in brackets, or several in a row."""
SELECT_GRAMMAR = "a field or key of letters, digits, '.', '_' and '-', an index such as 0 or '[0]', or 'hidden_states[3]'"
FLATTEN = "flatten"
"""The pooling of layers that are given none."""
TABLE_ENDINGS = ("-summary", "-differences", "-models", "-verdicts", "-metrics", "-per_image", "-sensitivity")
"""Endings that follow the experiment's name in the names of its tables; no experiment's name may end with one."""
DEFAULT_FORMATS = ("png", "svg")
"""Of figures, where no others are asked for; a PDF takes as much time as both."""
WRITABLE = (Path("data"), Path("results"))
"""Folders of a project that are writable; either may be a link to a shared folder."""

_NAME, _LAYER, _SELECT = map(re.compile, (NAME_PATTERN, LAYER_PATTERN, SELECT_PATTERN))
DIGEST_DIGITS = 8


def is_name(text: object) -> bool:
    """Return whether a value is a name by the grammar."""
    return isinstance(text, str) and _NAME.match(text) is not None


def is_layer(text: object) -> bool:
    """Return whether a value can be a layer, or a pattern of layers."""
    return isinstance(text, str) and _LAYER.match(text) is not None


def is_select(value: object) -> bool:
    """Return whether a value can say which tensor of a layer's output is read."""
    text = f"[{value}]" if isinstance(value, int) else value
    return isinstance(text, str) and _SELECT.match(text) is not None


def check_name(kind: str, name: object) -> str:
    """Return a name, or refuse an invalid one.

    Raises
    ------
    InvalidInputError
        Describing the grammar.
    """
    if not (isinstance(name, str) and is_name(name)):
        raise InvalidInputError(f"Expected the {kind} as {NAME_GRAMMAR}; got {shortened(name)}.")
    return name


def layer_text(layer: str, select: str | None = None, pooling: str = FLATTEN) -> str:
    """Return what a layer is called with what is read of it: ``encoder.layer.5[last_hidden_state] (token_mean)``."""
    chosen = "" if select is None else select if select.startswith("[") else f"[{select}]"
    return f"{layer}{chosen}" + ("" if pooling == FLATTEN else f" ({pooling})")


def layer_slug(text: str) -> str:
    """Return what file names call a layer of `layer_text`: a name by the grammar."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", re.sub(r":(\d+)", r"-call-\1", text)).strip("-")
    if len(name) <= NAME_LENGTH:
        return name
    digest = hashlib.sha256(text.encode()).hexdigest()[:DIGEST_DIGITS]
    return f"{name[: NAME_LENGTH - DIGEST_DIGITS - 1].rstrip('-')}-{digest}"


def figure_layer(texts: Iterable[str], label: str) -> str:
    """Return what figures' names call a layer: as the models name it, or by its label where that is too long."""
    joined = "_".join(dict.fromkeys(map(layer_slug, texts)))
    return joined if len(joined) <= NAME_LENGTH else layer_slug(label)


def figure_name(layer: str, what: str, images: str | None = None) -> str:
    """Return the part of a figure's name after the experiment's name; ``images`` if there are several datasets."""
    return "-".join([*filter(None, [images]), layer, what])


def shortened(value: object, length: int = 80) -> str:
    """Return a value as quoted in messages: on one line, and shortened if it is long."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # an integer of 5,000 digits has no decimal form; a list can hold itself
        text = f"a value of type {type(value).__name__} that is too large to show"
    return text if len(text) <= length else f"{text[:length]}... ({len(text)} characters)"


def shown(name: object) -> str:
    """Return a name, path or URL as messages show it: on one line, and shortened if it is very long."""
    text = str(name)
    return text if text.isprintable() and len(text) <= 500 else shortened(text, 500)


def printable(text: str) -> str:
    """Return text that is safe for a terminal: control characters and undecodable bytes in file names are escaped."""
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)


def is_inside(path: Path, root: Path = Path()) -> bool:
    """Return whether a path may be written, moved or removed: its folder lies in ``data/`` or ``results/``.

    Parameters
    ----------
    path : Path
        Relative to ``root``, or absolute.
    root : Path
        The project's folder.

    Notes
    -----
    Links are followed in the folder but not in the last part: renaming or removing a link does not affect its target.
    """
    if path.name in ("", ".."):
        return False
    try:
        folder = (root / path).parent.resolve()
        return any(folder.is_relative_to((root / top).resolve()) for top in WRITABLE)
    except (OSError, RuntimeError, ValueError):  # a loop of links, or NUL in the path
        return False


def check_inside(path: Path, root: Path = Path()) -> Path:
    """Return a path that may be written, moved or removed.

    Raises
    ------
    InvalidInputError
        If its folder is not inside ``data/`` or ``results/`` of the project.
    """
    if not is_inside(path, root):
        raise InvalidInputError(
            f"Expected a path inside data/ or results/; got {shortened(str(path))}. Nothing else is written, moved or removed."
        )
    return path
