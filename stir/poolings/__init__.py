"""Activations (n, ...) -> representation (n, d), by name; each knows which dimensions it takes, or is refused."""

from stir.poolings.evidence import Evidence, Layout, Seen, channels_of
from stir.poolings.functions import Pooling
from stir.poolings.names import POOLINGS, get_pooling, is_free, pooling_name, settled
from stir.poolings.projection import projection_error
from stir.poolings.tokens import Tokens, tokens_of

__all__ = [
    "POOLINGS",
    "Evidence",
    "Layout",
    "Pooling",
    "Seen",
    "Tokens",
    "channels_of",
    "get_pooling",
    "is_free",
    "pooling_name",
    "projection_error",
    "settled",
    "tokens_of",
]
