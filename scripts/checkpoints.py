"""Render the table of docs/checkpoints.md: kinds of checkpoint files, and what comes of each.

``python -m scripts.checkpoints`` writes every kind into a temporary folder and loads it. A test renders the table again.
"""

import contextlib
import io
import re
import tempfile
import warnings
from pathlib import Path

from stir.errors import CheckpointError
from stir.models import load_checkpoint
from tests.stir.models.released_kinds import KINDS, Kind, original, preprocessed

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "docs" / "checkpoints.md"
BEGIN, END = "<!-- kinds: rendered by scripts/checkpoints.py -->", "<!-- kinds: end -->"


def render() -> str:
    """Render the table, one row per kind."""
    rows = ["| file | argument | what comes of it |", "|---|---|---|"]
    weights = {name: value.clone() for name, value in original().network.state_dict().items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        rows += [f"| {kind.name} | {_arguments(kind)} | {_outcome(kind, dict(weights))} |" for kind in KINDS]
    loaded = sum("| loaded: " in row for row in rows)
    return "\n".join([f"{len(KINDS)} rows: {loaded} loaded, {len(KINDS) - loaded} refused.", "", *rows])


def _arguments(kind: Kind) -> str:
    return ", ".join(f"`{key}={value!r}`" for key, value in kind.arguments.items())


def _outcome(kind: Kind, weights: dict) -> str:
    said = io.StringIO()
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stderr(said):
        path = kind.write(Path(folder), weights)
        try:
            load_checkpoint(preprocessed(2), path, **kind.arguments, progress=True)
            text = "loaded: " + said.getvalue().removeprefix(f"{path}: ").strip()
        except CheckpointError as error:
            text = f"refused: {error}"
    return re.sub(rf"{re.escape(folder)}/?", "", text).replace("|", "\\|")


def main() -> None:
    """Write the table into the document."""
    text = DOCUMENT.read_text()
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    DOCUMENT.write_text(f"{before}{BEGIN}\n{render()}\n{END}{after}")


if __name__ == "__main__":
    main()
