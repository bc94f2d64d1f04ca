"""A function or class in a Python file, ``file.py:callable``: only files that somebody names are run."""

from pathlib import Path

from stir.models.providers.calling import call, callable_of
from stir.models.providers.own_files import OwnFile, importing_from, read_own_file, run_own_file
from stir.models.providers.provider import Built, Provider, Request


def own_file(address: str, folder: Path | None) -> OwnFile:
    """Read the file of an address, whose path is relative to a folder, by default the working folder."""
    return read_own_file((folder or Path()) / address.rpartition(":")[0])


def build(request: Request) -> Built:
    """Run the file and call its callable."""
    file = own_file(request.name, request.folder)
    make = callable_of(run_own_file(file), request.name.rpartition(":")[2], str(file.path))
    with importing_from(file):
        return call(make, request, near=file.path)


PROVIDER = Provider("file", (), build)
