"""How messages name a file, and what others say."""

import re

from stir.names import shortened


def shown(path: object) -> str:
    """Return a path or URL as messages name it: on one line."""
    return str(path) if str(path).isprintable() else shortened(str(path), 200)


def one_line(error: BaseException) -> str:
    """Return what PyTorch and others say, on one line, without colours and advice to switch checks off."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", str(error))
    return " ".join(text.split())[:300]
