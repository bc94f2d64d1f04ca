"""What other libraries say, as messages show it."""

import re


def one_line(error: BaseException) -> str:
    """Return what PyTorch and others say, on one line, without colours and advice to switch checks off."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", str(error))
    return " ".join(text.split())[:300]
