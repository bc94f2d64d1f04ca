"""Blocks of pages that scripts render, between two comments."""

import re
import sys
from pathlib import Path


def page_with(page: Path, begin: str, end: str, block: str) -> str:
    """Return a page with its block replaced; end the script if it does not have exactly one."""
    return text_with(page.read_text(encoding="utf-8"), begin, end, block, where=str(page))


def text_with(text: str, begin: str, end: str, block: str, *, where: str) -> str:
    """Return a text with its block replaced; end the script, naming where it is, if it does not have exactly one."""
    pattern = re.compile(f"{re.escape(begin)}.*{re.escape(end)}", re.DOTALL)
    text, count = pattern.subn(lambda _: f"{begin}\n{block}\n{end}", text)
    if count != 1:
        sys.exit(f"Expected one block {begin} ... {end} in {where}; got {count}.")
    return text
