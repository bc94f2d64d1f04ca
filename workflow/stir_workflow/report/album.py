"""Pictures of a page: each once, at its own size, and only as many as there is room for."""

import hashlib
import io
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, UInt8

from stir_workflow.report.content import Image

ROOM = 9_000_000
"""Bytes of encoded pictures: 12 MB of the page, which has to stay under 20 MB."""
PHOTOGRAPH = 128
"""Pixels of the longer side from which pictures are stored as WebP: PNGs of that size fill the page."""
QUALITY = 90


@dataclass
class Album:
    """Pictures by key, which is a digest of the pixels: the same picture is stored once."""

    room: int = ROOM
    images: dict[str, Image] = field(default_factory=dict)
    left_out: int = 0
    """Pictures for which there was no room."""

    def add(self, levels: UInt8[np.ndarray, "c h w"]) -> str | None:
        """Encode a picture, and return its key; None if there is no room for it."""
        key = hashlib.sha256(repr(levels.shape).encode() + levels.tobytes()).hexdigest()[:16]
        if key in self.images:
            return key
        image = encoded(levels)
        if len(image.data) > self.room:
            self.left_out += 1
            return None
        self.room -= len(image.data)
        self.images[key] = image
        return key


def levels_of(pixels: Float[np.ndarray, "*n c h w"]) -> UInt8[np.ndarray, "*n c h w"]:
    """Return pixels in [0, 1] as whole numbers from 0 to 255; those that are no numbers are black."""
    return np.asarray(np.rint(np.clip(np.nan_to_num(pixels), 0, 1) * 255).astype(np.uint8))


def encoded(levels: np.ndarray) -> Image:
    """Return a picture of bytes (c, h, w), without loss if it is small; of more than three channels, the first."""
    from PIL import Image as Picture

    channels, height, width = levels.shape
    shown = levels[0] if channels < 3 else levels[:3].transpose(1, 2, 0)
    content, kind = io.BytesIO(), "webp" if max(height, width) >= PHOTOGRAPH else "png"
    options = {"quality": QUALITY} if kind == "webp" else {"optimize": True}
    Picture.fromarray(np.ascontiguousarray(shown)).save(content, kind, **options)
    return Image(f"image/{kind}", content.getvalue(), width, height)
