"""Style rules of the cells: one class per colour, with the ink that is legible on it."""

import matplotlib
from matplotlib.colors import to_hex

from stir.plotting.colours import ink_on

STEPS = 64
"""Colours per scale."""
SCALES = {"s": "viridis", "e": "PuOr"}
"""Prefix of a class -> colours, as in the figures: scores, and excess about 0."""


def rules() -> str:
    """Return the classes ``s0`` to ``s63`` of scores and ``e0`` to ``e63`` of the excess, and the gradients of their scales."""
    lines = []
    for prefix, name in SCALES.items():
        colours = [to_hex(matplotlib.colormaps[name](step / (STEPS - 1))) for step in range(STEPS)]
        lines += [f".{prefix}{step}{{background:{colour};color:{ink_on(colour)}}}" for step, colour in enumerate(colours)]
        lines.append(f".scale-{prefix}{{background:linear-gradient(to right,{','.join(colours[::7])})}}")
    return "\n".join(lines)
