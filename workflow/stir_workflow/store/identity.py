"""Recipe -> key: an artifact's name is a digest of everything that determines it.

Pure and without heavy imports: the Snakefile and the jobs both use it, and so get
the same names.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Any

from stir.errors import ArtifactError

KEY_DIGITS = 10
_KEY = re.compile(rf"-([0-9a-f]{{{KEY_DIGITS}}})\.\w+\Z")


@dataclass(frozen=True)
class Recipe:
    """Everything that determines the content of one artifact.

    Parameters
    ----------
    stage : str
        Name of the stage that makes it, for example ``"iri"``.
    version : int
        Version of that stage's output; raised when the same settings give
        a different result.
    settings : mapping
        The stage's own settings, without those that cannot change the result.
    inputs : mapping
        Role -> key (or list of keys) of the inputs.
    """

    stage: str
    version: int
    settings: Mapping[str, Any] = field(default_factory=dict)
    inputs: Mapping[str, str | list[str]] = field(default_factory=dict)

    @cached_property
    def key(self) -> str:
        """The first hexadecimal digits of the SHA-256 of the canonical recipe, computed once."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()[:KEY_DIGITS]

    def to_json(self) -> str:
        """Return the recipe as canonical JSON: sorted keys, no spaces, no NaN."""
        content = {part.name: getattr(self, part.name) for part in fields(self)}
        return json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> "Recipe":
        """Read a recipe that `to_json` wrote.

        Raises
        ------
        ValueError
            If the text is not JSON, or not that of a recipe.
        """
        try:
            recipe = cls(**json.loads(text))
        except (TypeError, RecursionError) as error:
            raise ValueError(f"Expected a recipe with stage, version, settings and inputs; got {text[:200]}") from error
        if not recipe.is_well_formed():
            raise ValueError(f"Expected a recipe of a name, a number and two mappings; got {text[:200]}")
        return recipe

    def is_well_formed(self) -> bool:
        """Return whether all parts have the right types; untrusted recipes may have any."""
        parts = isinstance(self.stage, str) and type(self.version) is int and isinstance(self.settings, dict)
        return parts and isinstance(self.inputs, dict) and all(map(_is_keys, self.inputs.values()))


def _is_keys(value: Any) -> bool:
    """Return whether a value is a key, or a list of keys."""
    return all(isinstance(key, str) for key in (value if isinstance(value, list) else [value]))


def key_in(path: Path) -> str:
    """Return the key in an artifact's name.

    Raises
    ------
    ArtifactError
        If the name has none.
    """
    found = _KEY.search(path.name)
    if found is None:
        raise ArtifactError(f"Expected an artifact, a file called NAME-KEY.SUFFIX; got {path}.")
    return found[1]
