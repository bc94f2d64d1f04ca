"""Sealed artifacts for tests, and ways to harm them."""

import json

from stir_workflow.store.artifacts import seal_path, seal_text, sealing
from stir_workflow.store.identity import Recipe

CONTENT = b"what an inversion found" * 40


def seal_one(folder, layer="stage3", content=CONTENT):
    recipe = Recipe("iri", 1, {"layer": layer})
    path = folder / f"{layer}-{recipe.key}.h5"
    with sealing(path, recipe, device="cuda") as temporary:
        temporary.write_bytes(content)
    return path


def flip_a_bit(path, at=100):
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


def edit_seal(path, **changes):
    """Alter a seal so that it looks as if it had been written so."""
    seal_path(path).write_text(seal_text(json.loads(seal_path(path).read_text()) | changes))
