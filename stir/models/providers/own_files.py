"""Python files that somebody names: what they are, and running them once."""

import ast
import hashlib
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from stir.errors import InvalidInputError
from stir.models.drawing import importing
from stir.models.providers.failures import reporting

MOST_FILES = 2000
MOST_BYTES = 2**24
"""Of one file of code."""
NAME_DIGITS = 16


@dataclass(frozen=True)
class OwnFile:
    """A Python file, and what it imports from its own folder, as they were read."""

    path: Path
    root: Path
    """Folder that its imports are looked up in first."""
    source: bytes
    digests: Mapping[str, str]
    """Name relative to the root -> SHA-256."""


def read_own_file(path: Path, *, root: Path | None = None) -> OwnFile:
    """Read a file and find what it imports from its own folder, without running it.

    Parameters
    ----------
    path : Path
        Of the file.
    root : Path, optional
        Folder of the modules that it imports; its own by default.

    Raises
    ------
    InvalidInputError
        If a file is absent, cannot be read, or is no Python code.
    """
    path = path.absolute()
    root = root.absolute() if root else path.parent
    sources: dict[Path, bytes] = {}
    waiting = [path]
    while waiting:
        file = waiting.pop()
        if file in sources:
            continue
        sources[file] = _content(file)
        waiting += _imported(file, sources[file], root)
        if len(sources) > MOST_FILES:
            raise InvalidInputError(f"Expected {path} to import at most {MOST_FILES} files of {root}; it imports more. Split it.")
    digests = {file.relative_to(root).as_posix(): hashlib.sha256(content).hexdigest() for file, content in sources.items()}
    return OwnFile(path, root, sources[path], dict(sorted(digests.items())))


def _content(file: Path) -> bytes:
    try:
        if not file.is_file():
            raise InvalidInputError(f"Expected a Python file at {file}; there is none. Correct the path.")
        with file.open("rb") as opened:
            content = opened.read(MOST_BYTES + 1)
    except OSError as error:
        raise InvalidInputError(f"Expected a Python file at {file}; it cannot be read ({error.strerror}).") from error
    if len(content) > MOST_BYTES:
        raise InvalidInputError(f"Expected at most {MOST_BYTES:,} bytes of Python in {file}; it has more. Name another file.")
    return content


def _imported(file: Path, content: bytes, root: Path) -> Iterator[Path]:
    """Yield the files of a folder that the import statements of a file name, wherever in it they stand."""
    with reporting(f"{file}", file):
        tree = ast.parse(content)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from _files_of(root, alias.name)
        elif isinstance(node, ast.ImportFrom):
            base = root if node.level == 0 else file.parents[min(node.level, len(file.parents)) - 1]
            module = node.module or ""
            yield from _files_of(base, module)
            for alias in node.names:
                yield from _files_of(base, f"{module}.{alias.name}".strip("."))


def _files_of(base: Path, module: str) -> Iterator[Path]:
    """Yield what importing a dotted name reads in a folder: its packages, and itself."""
    parts = [part for part in module.split(".") if part]
    for n in range(1, len(parts) + 1):
        place = base.joinpath(*parts[:n])
        yield from (file for file in (place / "__init__.py", place.with_name(f"{place.name}.py")) if file.is_file())


def run_own_file(file: OwnFile) -> ModuleType:
    """Run a file as a module, with its own folder first among those that it imports from.

    Raises
    ------
    InvalidInputError
        If it raises: with its own error, file and line; or if it imports a file in a way that cannot be seen without running it.
    """
    digest = hashlib.sha256("".join(file.digests.values()).encode()).hexdigest()[:NAME_DIGITS]
    name = f"stir_own_file_{digest}"
    if name in sys.modules:
        return sys.modules[name]
    module = ModuleType(name)
    module.__file__ = str(file.path)
    with importing_from(file), importing(), reporting(str(file.path), file.path):
        sys.modules[name] = module
        try:
            exec(compile(file.source, str(file.path), "exec"), module.__dict__)
        except BaseException:
            del sys.modules[name]
            raise
    return module


@contextmanager
def importing_from(file: OwnFile) -> Iterator[None]:
    """Import from a file's own folder first; modules of the same names from elsewhere are there again afterwards."""
    mine = {Path(name).parts[0].removesuffix(".py") for name in file.digests}
    others = {name: module for name, module in sys.modules.items() if name.partition(".")[0] in mine and not _is_in(module, file)}
    for name in others:
        del sys.modules[name]
    before, writes_bytecode = set(sys.modules), sys.dont_write_bytecode
    sys.path.insert(0, str(file.root))
    sys.dont_write_bytecode = True
    try:
        yield
        _check_seen(file, set(sys.modules) - before)
    finally:
        sys.dont_write_bytecode = writes_bytecode
        sys.path.remove(str(file.root))
        sys.modules.update(others)


def _place(name: str, module: Any, root: Path) -> str | None:
    """Return where in a folder a module lies, if it was imported from there by its name."""
    path = getattr(module, "__file__", None)
    if not isinstance(path, str) or not Path(path).is_relative_to(root):
        return None
    place = Path(path).relative_to(root)
    dotted = ".".join(place.with_suffix("").parts).removesuffix(".__init__")
    return place.as_posix() if dotted == name else None


def _is_in(module: Any, file: OwnFile) -> bool:
    return _place(getattr(module, "__name__", ""), module, file.root) is not None


def _check_seen(file: OwnFile, new: set[str]) -> None:
    """Refuse a file whose digest leaves out what it runs."""
    for name in sorted(new):
        place = _place(name, sys.modules.get(name), file.root)
        if place is not None and place not in file.digests:
            raise InvalidInputError(
                f"Expected {file.path} to import {place} by an import statement, so that it counts as part of the model; it "
                "imports it while it runs. Write the statement."
            )
