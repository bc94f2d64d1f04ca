"""Entries as tables, for users and for programs."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import pandas as pd
from tqdm.std import tqdm

from stir.names import printable
from stir_workflow.cache.inventory import ARTIFACT, Entry

SORTS: dict[str, Callable[[Entry], tuple[float, str]]] = {
    "size": lambda entry: (-entry.size, entry.path.as_posix()),
    "age": lambda entry: (entry.modified, entry.path.as_posix()),
    "path": lambda entry: (0, entry.path.as_posix()),
}
"""Largest first, oldest first, by name."""

UNITS = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))


def size_text(size: float) -> str:
    """Format a number of bytes with a unit."""
    if size < 1000:
        return f"{size:.0f} B"
    number = tqdm.format_sizeof(size)
    return f"{number[:-1]} {number[-1]}B"


def age_text(seconds: float) -> str:
    """Format an age in its largest unit."""
    unit, length = next(((unit, length) for unit, length in UNITS if seconds >= length), UNITS[-1])
    return f"{max(0, seconds) // length:.0f} {unit}"


def table_text(entries: Sequence[Entry], *, now: float) -> str:
    """Format a table for users, with one line per entry."""
    rows = [
        {
            "size": size_text(entry.size),
            "age": age_text(now - entry.modified),
            "stage": entry.stage if entry.kind == ARTIFACT else f"{entry.stage} ({entry.kind})",
            "needed by": ", ".join(entry.needed_by) or "-",
            "path": printable(entry.path.as_posix()),
        }
        for entry in entries
    ]
    return _left(pd.DataFrame(rows), right={"size", "age"})


def totals_text(entries: Sequence[Entry]) -> str:
    """Format a table of totals per stage and overall."""
    frame = records(entries)
    frame["unneeded"] = frame["bytes"].where(frame["needed_by"] == "", 0)
    sums = frame.groupby("stage", sort=False)[["bytes", "unneeded"]].sum()
    sums.insert(0, "files", frame.groupby("stage", sort=False)["bytes"].count())
    sums.loc["all"] = sums.sum()
    texts = sums.reset_index().astype(object)
    for column in ("bytes", "unneeded"):
        texts[column] = texts[column].map(size_text)
    return _left(texts.rename(columns={"bytes": "size", "files": "entries"}), right={"entries", "size", "unneeded"})


def records(entries: Sequence[Entry]) -> pd.DataFrame:
    """Return a row per entry, for programs."""
    columns = ["path", "kind", "stage", "bytes", "modified", "needed_by"]
    return pd.DataFrame([[*_record(entry)] for entry in entries], columns=columns)


def _record(entry: Entry) -> tuple[str, str, str, int, str, str]:
    modified = datetime.fromtimestamp(entry.modified, UTC).isoformat(timespec="seconds")
    return printable(entry.path.as_posix()), entry.kind, entry.stage, entry.size, modified, " ".join(entry.needed_by)


def _left(frame: pd.DataFrame, *, right: set[str]) -> str:
    """Format a table whose columns are left-aligned, with some exceptions."""
    columns = []
    for name in frame.columns:
        cells = [str(name), *map(str, frame[name])]
        width = max(map(len, cells))
        columns.append([cell.rjust(width) if name in right else cell.ljust(width) for cell in cells])
    return "\n".join("  ".join(cells).rstrip() for cells in zip(*columns, strict=True))
