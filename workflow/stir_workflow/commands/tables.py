"""Rows of text as aligned lines, and numbers of files, seconds and bytes as people read them; nothing is imported."""

from collections.abc import Sequence

SECONDS = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))
THOUSAND = 1000


def aligned_table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return rows as lines of columns, the first row as their headings; columns of numbers are flush right."""
    columns = list(zip(*rows, strict=True))
    widths = [max(map(len, column)) for column in columns]
    right = [all(_is_number(cell) for cell in column[1:]) for column in columns]
    return [
        "  ".join(
            cell.rjust(width) if is_right else cell.ljust(width) for cell, width, is_right in zip(row, widths, right, strict=True)
        ).rstrip()
        for row in rows
    ]


def _is_number(cell: str) -> bool:
    return not cell or cell[0].isdigit() or cell[0] in "-–~" or cell.startswith(("about", "at least"))


def duration(seconds: float) -> str:
    """Return a time in its largest unit, with one digit after the point where that is less than ten of it."""
    unit, length = next(((unit, length) for unit, length in SECONDS if seconds >= length), SECONDS[-1])
    number = seconds / length
    return f"{number:.1f} {unit}" if number < 10 and unit != "s" else f"{number:.0f} {unit}"


def size(n_bytes: float) -> str:
    """Return a number of bytes with a unit."""
    for unit in ("B", "kB", "MB", "GB"):
        if n_bytes < THOUSAND:
            return f"{n_bytes:.0f} {unit}"
        n_bytes /= THOUSAND
    return f"{n_bytes:.1f} TB"
