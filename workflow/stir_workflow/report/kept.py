"""What is kept beside kept tables: a JSON file with versions, devices, times and settings, whose parts may all be missing."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from stir.digests import sha256_of
from stir.errors import InvalidInputError
from stir.files import read_bounded
from stir.names import shown
from stir_workflow.report.content import Provenance, StageTime

MOST_BYTES = 2**22
DIGITS = 12
"""Of the SHA-256 of a table."""


def kept_provenance(path: Path | None, tables: Sequence[Path]) -> Provenance:
    """Read a file of provenance.

    Parameters
    ----------
    path : Path or None
        JSON with any of ``versions``, ``devices`` or ``device``, ``seconds`` and ``jobs`` by stage; other entries are settings.
    tables : sequence of Path
        Of which to give the SHA-256.

    Raises
    ------
    InvalidInputError
        If there is a file, and it is none of that kind.
    """
    keys = {table.name: sha256_of(table)[:DIGITS] for table in tables}
    if path is None:
        return Provenance(keys=keys)
    try:
        said = json.loads(read_bounded(path, MOST_BYTES).decode("utf-8"))
        return _provenance(said, keys)
    except (OSError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise InvalidInputError(
            f"Expected a JSON object with versions, devices and times in {shown(path)}; it cannot be read so "
            f"({type(error).__name__}). Move it away, or bring back the file that was kept with the tables."
        ) from None


def _provenance(said: Mapping[str, Any], keys: dict[str, str]) -> Provenance:
    known = ("versions", "devices", "device", "seconds", "jobs", "code_version")
    versions = {str(package): str(version) for package, version in said.get("versions", {}).items()}
    code = {"code": str(said["code_version"])} if "code_version" in said else {}
    devices = said.get("devices") or {"": said.get("device", [])}
    hardware = dict.fromkeys(str(device) for of_stage in devices.values() for device in of_stage)
    seconds, jobs = said.get("seconds", {}), said.get("jobs", {})
    times = [StageTime(str(stage), int(jobs.get(stage, 0)), float(time)) for stage, time in seconds.items()]
    settings = {name: value for name, value in said.items() if name not in known}
    text = json.dumps(settings, indent=1, ensure_ascii=False) if settings else ""
    return Provenance(text, versions | code, list(hardware), times, keys)
