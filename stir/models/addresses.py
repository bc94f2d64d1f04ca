"""Which addresses there are, and which lie near a word that is none."""

from collections.abc import Iterator
from difflib import get_close_matches
from fnmatch import fnmatchcase

from stir.errors import InvalidInputError
from stir.models.architecture import TORCHVISION
from stir.models.providers import prefixes, provider_of_prefix, using

QUICK = ("stir", TORCHVISION, "timm")
"""Whose names are looked through where a word names no library: the largest, of those that list theirs in seconds."""
MOST = 3


def known_addresses(prefix: str) -> list[str]:
    """Return the addresses of a library's models, as far as it lists them.

    Raises
    ------
    InvalidInputError
        If the library is not installed: with the command that installs it.
    """
    provider = provider_of_prefix(prefix)
    with using(provider, f"{prefix}:..."):
        return [f"{prefix}:{name}" for name in provider.names()]


def near_addresses(word: str) -> list[str]:
    """Return the addresses near a word, the nearest first: of the library that it seems to name, else of any quick one.

    Libraries that are not installed are left out.
    """
    separated = word.replace(":", ".").partition(".")
    named = get_close_matches(separated[0].lower(), prefixes(), n=1, cutoff=0.7) if separated[1] else []
    wanted = separated[2] if named else word
    found = [address for prefix in named or QUICK for address in _listed(prefix)]
    names = {address.partition(":")[2]: address for address in reversed(found)}
    if named and not found:  # it is not installed
        return [f"{named[0]}:{wanted}"]
    exact = [address for address in found if address.partition(":")[2].lower() == wanted.lower()]
    near = [names[name] for name in get_close_matches(wanted, names, n=MOST, cutoff=0.5)]
    return list(dict.fromkeys([*exact, *near]))[:MOST]


def matching_addresses(pattern: str) -> Iterator[str]:
    """Yield the addresses that contain a text, in any case, of libraries that are installed; a prefix and a colon choose one.

    ``*``, ``?`` and ``[...]`` stand for other signs, as in file names.
    """
    prefix, colon, _ = pattern.partition(":")
    whole = pattern.lower() if set(pattern) & set("*?[") else f"*{pattern.lower()}*"
    for each in [prefix] if colon and prefix in prefixes() else prefixes():
        yield from (address for address in _listed(each) if fnmatchcase(address.lower(), whole))


def check_listed(pattern: str) -> None:
    """Refuse a pattern that begins with the prefix of a library that is not installed.

    Raises
    ------
    InvalidInputError
        With the command that installs it.
    """
    prefix, colon, _ = pattern.partition(":")
    if colon and prefix in prefixes():
        known_addresses(prefix)


def _listed(prefix: str) -> list[str]:
    try:
        return known_addresses(prefix)
    except InvalidInputError:
        return []
