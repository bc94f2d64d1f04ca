from .names import NAMES as NAMES
from .published import judge_published as judge_published
from .registry import STATEMENTS as STATEMENTS
from .registry import judge as judge
from .verdict import VERDICT_COLUMNS as VERDICT_COLUMNS
from .verdict import overall as overall

__all__ = [
    "NAMES",
    "STATEMENTS",
    "VERDICT_COLUMNS",
    "judge",
    "judge_published",
    "overall",
]
