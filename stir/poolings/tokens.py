"""Tokens that stand for no position of the image: class tokens, distillation tokens, registers."""

import re
from dataclasses import dataclass
from math import isqrt

from torch import nn

CLASS_TOKEN = re.compile(r"(cls|class)_?(token|embedding|embed|emb|tok)s?(_?\d+)?")
OTHER_TOKENS = re.compile(r"(dist|distillation|reg|register|storage)_?tokens?|registers?")
"""Parameters that hold such tokens, by the last part of their names."""
MOST_TOKENS = 17
"""More than that beside patches are no tokens that were added."""


@dataclass(frozen=True)
class Tokens:
    """The tokens that a model puts before those of positions."""

    n_prefix: int
    has_class_token: bool

    def before(self, n_tokens: int, areas: frozenset[int]) -> int | None:
        """Return how many of the tokens of a layer stand for no position; None where that is not known.

        Parameters
        ----------
        n_tokens : int
            Of the layer.
        areas : frozenset of int
            Numbers of positions in the results of the convolutions before it, such as patches.
        """
        positions = n_tokens - self.n_prefix
        if self.n_prefix == 0:  # and no one more than there are patches
            return None if n_tokens not in areas and any(n_tokens - more in areas for more in range(1, MOST_TOKENS)) else 0
        if positions < 1:
            return None
        with_prefix, without = positions in areas, n_tokens in areas
        if not with_prefix and not without:
            with_prefix, without = isqrt(positions) ** 2 == positions, isqrt(n_tokens) ** 2 == n_tokens
        if with_prefix == without:
            return None
        return self.n_prefix if with_prefix else 0


NO_TOKENS = Tokens(0, False)


def tokens_of(model: nn.Module) -> Tokens:
    """Return which tokens a model adds: as timm's ``num_prefix_tokens`` says, else by the names of its parameters."""
    class_tokens, others = 0, 0
    for name, parameter in model.named_parameters():
        last = name.rpartition(".")[2]
        n_tokens = parameter.shape[-2] if parameter.ndim > 1 else 1
        if CLASS_TOKEN.fullmatch(last):
            class_tokens += n_tokens
        elif OTHER_TOKENS.fullmatch(last):
            others += n_tokens
    stated = (getattr(module, "num_prefix_tokens", None) for module in model.modules())
    n_prefix = next((number for number in stated if isinstance(number, int)), class_tokens + others)
    return Tokens(n_prefix, class_tokens > 0)
