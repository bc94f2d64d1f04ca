"""Sealed, atomic artifacts: written whole or not at all, and checked when read.

An artifact ``name-<key>.h5`` has a seal beside it, ``name-<key>.h5.json``, with
its size, SHA-256, recipe and provenance, and a SHA-256 of the seal itself. The seal
is written first and the artifact renamed into place last, so a file under its final
name is complete.
"""

import contextlib
import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from stir.digests import sha256_of
from stir.errors import ArtifactError
from stir.files import read_bounded, temporary_beside
from stir.provenance import code_version, package_versions, processor
from stir_workflow.store.atomic import flush, put, write_atomically
from stir_workflow.store.identity import Recipe
from stir_workflow.store.places import fits_place

OWN_SHA256 = "seal_sha256"
PIPELINE = Path(__file__).resolve().parents[1]
"""The package whose code makes artifacts, besides the library's."""
OLD_KEYS = {"sha256", "size", "recipe", "key", "device", "versions", "code_version"}
"""Of seals that were written before they had a SHA-256 of their own; they are as good as they were."""


SEAL_BYTES = 2**24
"""More than any seal has: of a recipe with 100,000 inputs it has 2 MB."""


def seal_path(path: Path) -> Path:
    """Return where the seal of an artifact lies."""
    return path.with_name(path.name + ".json")


@contextlib.contextmanager
def sealing(
    path: Path, recipe: Recipe, *, device: str = "cpu", device_kind: str | None = None, origin: str | None = None
) -> Iterator[Path]:
    """Give a temporary path to write to; seal it and rename it to ``path`` at the end.

    Nothing appears under the final name if the block raises.

    Parameters
    ----------
    path : Path
        The artifact's final name.
    recipe : Recipe
        What it is made by.
    device : str
        What it was computed on, ``"cpu"`` or ``"cuda"``.
    device_kind : str, optional
        Which kind of device that is; the processor if it is not given.
    origin : str, optional
        The file of the experiment that it was published for.

    Yields
    ------
    Path
        Where to write.

    Raises
    ------
    ArtifactError
        If the file's name does not carry the recipe's key, or nothing was written.
    """
    check_key(path, recipe)
    path.parent.mkdir(parents=True, exist_ok=True)
    with temporary_beside(path) as temporary:
        yield temporary
        if not (temporary.is_file() and temporary.stat().st_size):
            raise ArtifactError(f"Nothing was written for {path}.")
        flush(temporary)
        seal = {
            "sha256": sha256_of(temporary),
            "size": temporary.stat().st_size,
            "recipe": json.loads(recipe.to_json()),
            "key": recipe.key,
            "device": device,
            "device_kind": device_kind or processor(),
            "versions": package_versions(),
            "code_version": code_version(PIPELINE),
            **({} if origin is None else {"origin": origin}),
        }
        write_atomically(seal_path(path), seal_text(seal))
        put(temporary, path)


def check_key(path: Path, recipe: Recipe) -> None:
    """Refuse a place whose name does not carry the key of what is to lie there.

    Raises
    ------
    ArtifactError
        Naming both.
    """
    if recipe.key not in path.name:
        raise ArtifactError(
            f"Expected a file name with the key {recipe.key} of its recipe; got {path.name!r}. "
            "Plan and job disagree: run from one checkout, with one version of the package."
        )


def seal_text(seal: Mapping[str, Any]) -> str:
    """Return what a seal's file holds: what it says, and the SHA-256 of that."""
    said = {name: value for name, value in seal.items() if name != OWN_SHA256}
    return _dumped({**said, OWN_SHA256: hashlib.sha256(_dumped(said).encode()).hexdigest()})


def _dumped(seal: Mapping[str, Any]) -> str:
    return json.dumps(seal, indent=1, sort_keys=True) + "\n"


def read_seal(path: Path, seal: Path | None = None) -> dict[str, Any]:
    """Read the seal of an artifact.

    Parameters
    ----------
    path : Path
        The artifact.
    seal : Path, optional
        Where the seal lies, if not beside it.

    Raises
    ------
    ArtifactError
        If there is none, or it is not to the letter what `sealing` wrote.
    """
    place = seal or seal_path(path)
    try:
        text = read_bounded(place, SEAL_BYTES).decode("utf-8")
        said = json.loads(text)
        Recipe.from_json(json.dumps(said["recipe"], allow_nan=False))
        summed = OWN_SHA256 in said
        # Only a seal with a sum may say more than the old ones: else one flipped bit in the sum's name would do away with it.
        known = said.keys() >= OLD_KEYS if summed else said.keys() == OLD_KEYS
        if known and _is_plausible(said) and text == (seal_text if summed else _dumped)(said):
            return said
    except FileNotFoundError:
        raise ArtifactError(f"{path} has no seal {place.name}; remake it.") from None
    except (ValueError, TypeError, KeyError, AttributeError, OSError, RecursionError):
        pass
    raise ArtifactError(f"The seal {place} cannot be read; remake {path.name}.")


def _is_plausible(said: Mapping[str, Any]) -> bool:
    """Return whether a seal's values are of the types that `sealing` writes."""
    texts = all(isinstance(said[name], str) for name in ("sha256", "key", "device", "code_version"))
    return texts and type(said["size"]) is int and isinstance(said["versions"], dict)


def sealed_recipe(path: Path, seal: Path | None = None) -> Recipe:
    """Return the recipe in the seal of an artifact; parameters as of `read_seal`.

    Raises
    ------
    ArtifactError
        If there is no whole seal, or it is one of another name.
    """
    return _recipe_in(read_seal(path, seal), path)


def _recipe_in(said: Mapping[str, Any], path: Path) -> Recipe:
    recipe = Recipe(**said["recipe"])
    if recipe.key != said["key"] or recipe.key not in path.name:
        raise ArtifactError(f"{path} carries the seal of another artifact (key {recipe.key}); remake it.")
    return recipe


def is_ours(path: Path, seal: Path | None = None) -> bool:
    """Return whether an artifact is known to be this project's: by a whole seal of its name, in the folder of its stage.

    Names prove nothing: whatever else lies in ``data/`` and ``results/`` may be the user's. Parameters as of `read_seal`.
    """
    try:
        return fits_place(path, sealed_recipe(path, seal))
    except ArtifactError:
        return False


def checked(path: Path) -> Path:
    """Return ``path`` if its content is what its seal says.

    Raises
    ------
    ArtifactError
        If the file is absent, unreadable, unsealed, altered, or another artifact's.
    """
    try:
        _check(path)
    except OSError as error:
        raise ArtifactError(f"{path} cannot be read ({error.strerror or error}); remake it.") from error
    return path


def is_good(path: Path) -> bool:
    """Return whether an artifact is there and is what its seal says."""
    try:
        checked(path)
    except ArtifactError:
        return False
    return True


def _check(path: Path) -> None:
    if not path.is_file():
        raise ArtifactError(_no_file(path))
    seal = read_seal(path)
    _recipe_in(seal, path)
    size = path.stat().st_size
    if size != seal["size"]:
        raise ArtifactError(f"{path} has {size} bytes; its seal says {seal['size']}. It was cut or altered; remake it.")
    if sha256_of(path) != seal["sha256"]:
        raise ArtifactError(f"The content of {path} is not what its seal says (SHA-256 differs); remake it.")


def _no_file(path: Path) -> str:
    """Say what is there in place of a file."""
    if path.is_symlink():
        return f"{path} is a link to {path.readlink()}, where there is no file. Bring that back (dvc pull), or remake it."
    if path.exists():
        return f"Expected a file at {path}; there is a folder or device. Remake it."
    return f"Expected the artifact {path}; there is no such file. Run the workflow to make it."
