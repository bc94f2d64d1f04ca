"""Ways to harm the artifacts of a finished run, drawn at random, and what must be found of each afterwards."""

from dataclasses import dataclass
from pathlib import Path

from stir_workflow.store.artifacts import seal_path
from stir_workflow.store.stamps import STAMP, stands_for
from stir_workflow.store.survey import survey


@dataclass(frozen=True)
class Group:
    """An artifact and all that goes with it."""

    artifact: Path
    members: tuple[Path, ...]
    """Itself, its seal, and the files that it stands for if it is a stamp."""


@dataclass(frozen=True)
class Corruption:
    """What was done to one file."""

    kind: str
    file: Path
    artifact: Path
    left: bytes | None
    """What the file held afterwards; nothing if it was removed."""


def groups(folder):
    """Return every artifact of a folder with its files; a file that two stamps stand for goes with the first."""
    found, taken = [], set()
    for path in survey([folder / "data", folder / "results"]).artifacts:
        stamped = [file.resolve() for file in stands_for(path)] if path.suffix == STAMP else []
        members = [file for file in (path, seal_path(path), *stamped) if file not in taken]
        taken.update(members)
        found.append(Group(path, tuple(members)))
    return found


def truncate(content, generator):
    return content[: int(generator.integers(1, len(content)))]


def flip_one_bit(content, generator):
    harmed = bytearray(content)
    harmed[int(generator.integers(len(content)))] ^= 1 << int(generator.integers(8))
    return bytes(harmed)


def empty(content, generator):
    return b""


CONTENT_KINDS = {"truncated": truncate, "bit flipped": flip_one_bit, "emptied": empty}
KINDS = (*CONTENT_KINDS, "replaced", "replaced with its seal", "seal deleted")


def corrupt(group, file, others, kind, generator):
    """Damage one file of a group so that it changes; some kinds choose the file. Return a description."""
    if kind == "seal deleted":
        seal_path(group.artifact).unlink()
        return Corruption(kind, seal_path(group.artifact), group.artifact, None)
    if kind == "replaced with its seal":
        donor = others[int(generator.integers(len(others)))].artifact
        seal_path(group.artifact).write_bytes(seal_path(donor).read_bytes())
        return _write(kind, group.artifact, group, donor.read_bytes())
    before = file.read_bytes()
    if kind == "replaced":
        contents = [member.read_bytes() for other in others for member in other.members]
        contents = [content for content in contents if content != before]
        return _write(kind, file, group, contents[int(generator.integers(len(contents)))])
    return _write(kind, file, group, CONTENT_KINDS[kind](before, generator))


def _write(kind, file, group, content):
    # As a disk or a copying program would, in a file of its own: content that links share is harmed once.
    file.unlink()
    file.write_bytes(content)
    return Corruption(kind, file, group.artifact, content)


def corrupt_some(folder, number, generator):
    """Harm one file each of so many random artifacts; kinds take turns in random order, so that none is left out."""
    everything = groups(folder)
    victims = [everything[place] for place in generator.permutation(len(everything))[:number]]
    spared = [group for group in everything if group not in victims]
    kinds = [KINDS[place] for place in generator.permutation(len(KINDS))]
    files = [victim.members[int(generator.integers(len(victim.members)))] for victim in victims]
    return [
        corrupt(victim, file, spared, kinds[place % len(kinds)], generator)
        for place, (victim, file) in enumerate(zip(victims, files, strict=True))
    ]


def noticed(corruption, text):
    """Return whether a run reported that it moved the damaged file, or the artifact of a damaged seal."""
    named = corruption.artifact if is_seal(corruption) else corruption.file
    return any(named.name in line and "It was moved to" in line for line in text.splitlines())


def set_aside(corruption):
    """Return whether the harmed content lies in quarantine."""
    if corruption.left is None:
        return True
    pattern = f"{corruption.artifact.name}.*.json" if is_seal(corruption) else f"{corruption.file.name}.*"
    places = (corruption.file.parent / ".quarantine").glob(pattern)
    return any(place.read_bytes() == corruption.left for place in places)


def is_seal(corruption):
    return corruption.file == seal_path(corruption.artifact)
