"""A layer as recipes name it: a text where that says all, so that older recipes keep their keys. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stir.names import FLATTEN, layer_slug, layer_text

if TYPE_CHECKING:
    from stir.layers import LayerSpec


@dataclass(frozen=True)
class LayerSetting:
    """Where one model is read, and what becomes of what is read there."""

    layer: str
    """``NAME``, ``NAME:CALL``, ``penultimate`` or ``output``."""
    select: str | None = None
    """Field, key or ``[index]``, where the layer gives several tensors."""
    pooling: str = FLATTEN
    """Name of what makes one vector per image."""

    @classmethod
    def of(cls, said: str | Mapping[str, Any]) -> "LayerSetting":
        """Read what a recipe or an experiment file says of a layer; keys of other things do not count."""
        if isinstance(said, str):
            return cls(said)
        select = said.get("select")
        return cls(said["layer"], f"[{select}]" if isinstance(select, int) else select, said.get("pooling", FLATTEN))

    def settings(self) -> dict[str, str]:
        """Return what a recipe of this layer alone says of it."""
        chosen = {} if self.select is None else {"select": self.select}
        return {"layer": self.layer, **chosen} | ({} if self.pooling == FLATTEN else {"pooling": self.pooling})

    def listed(self) -> str | dict[str, str]:
        """Return how a recipe of several layers lists it."""
        settings = self.settings()
        return self.layer if len(settings) == 1 else settings

    def columns(self, side: str) -> dict[str, str | None]:
        """Return what rows of tables say of it; ``side`` is ``reference`` or ``target``."""
        return {f"{side}_layer": self.layer, f"{side}_select": self.select, f"{side}_pooling": self.pooling}

    @property
    def text(self) -> str:
        """What messages, figures and arrays call it."""
        return layer_text(self.layer, self.select, self.pooling)

    @property
    def slug(self) -> str:
        """What file names call it."""
        return layer_slug(self.text)

    def spec(self) -> "LayerSpec":
        """Return it as the library takes it."""
        from stir.layers import LayerSpec

        return LayerSpec(self.layer, self.select, self.pooling)
