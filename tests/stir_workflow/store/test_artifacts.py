"""An artifact is there whole and as sealed, or a reader says which one is not."""

import json
import os
import shutil

import pytest

from stir.digests import sha256_of
from stir.errors import ArtifactError
from stir.provenance import processor
from stir_workflow.store import artifacts
from stir_workflow.store.artifacts import checked, is_ours, read_seal, seal_path, sealing
from stir_workflow.store.atomic import write_atomically
from stir_workflow.store.identity import Recipe
from stir_workflow.store.quarantine import set_aside
from stir_workflow.store.verification import verify
from tests.stir_workflow.sealed import CONTENT, edit_seal, flip_a_bit, seal_one


@pytest.fixture
def artifact(tmp_path):
    return seal_one(tmp_path)


def names(folder):
    return sorted(file.name for file in folder.iterdir())


class TestSealing:
    def test_writes_the_artifact_and_its_seal(self, tmp_path):
        path = seal_one(tmp_path)
        assert names(tmp_path) == [path.name, f"{path.name}.json"]
        assert path.read_bytes() == CONTENT
        seal = json.loads(seal_path(path).read_text())
        assert (seal["size"], seal["sha256"]) == (len(CONTENT), sha256_of(path))
        assert Recipe(**seal["recipe"]).key == seal["key"] == path.stem[-10:]
        assert seal["device"] == "cuda"
        assert seal["device_kind"] == processor()
        assert {"python", "torch", "numpy", "stir"} <= seal["versions"].keys()
        assert seal["code_version"]

    @staticmethod
    def interrupt(path, recipe):
        with sealing(path, recipe) as temporary:
            temporary.write_bytes(b"half")
            raise KeyboardInterrupt

    def test_leaves_nothing_if_the_block_raises(self, tmp_path):
        recipe = Recipe("iri", 1)
        with pytest.raises(KeyboardInterrupt):
            self.interrupt(tmp_path / f"x-{recipe.key}.h5", recipe)
        assert names(tmp_path) == []

    def test_keeps_what_was_there_if_the_block_raises(self, artifact):
        with pytest.raises(KeyboardInterrupt):
            self.interrupt(artifact, Recipe("iri", 1, {"layer": "stage3"}))
        assert checked(artifact).read_bytes() == CONTENT
        assert len(names(artifact.parent)) == 2

    def test_leaves_nothing_if_nothing_was_written(self, tmp_path):
        recipe = Recipe("iri", 1)
        path = tmp_path / f"x-{recipe.key}.h5"
        with pytest.raises(ArtifactError, match="Nothing was written"), sealing(path, recipe):
            pass
        assert names(tmp_path) == []

    def test_leaves_no_artifact_without_its_seal(self, tmp_path, monkeypatch):
        def full_disk(*_):
            raise OSError("No space left on device")

        monkeypatch.setattr(artifacts, "write_atomically", full_disk)
        with pytest.raises(OSError, match="No space"):
            seal_one(tmp_path)
        assert names(tmp_path) == []

    def test_writes_to_a_temporary_file_in_the_same_folder(self, tmp_path):
        recipe = Recipe("iri", 1)
        path = tmp_path / "deeper" / f"x-{recipe.key}.h5"
        with sealing(path, recipe) as temporary:
            assert temporary.parent == path.parent
            assert temporary.name.startswith(".")
            assert temporary.suffix == ".h5"
            temporary.write_bytes(b"x")
            assert not path.exists()
        assert path.exists()

    def test_refuses_a_name_without_the_key(self, tmp_path):
        with pytest.raises(ArtifactError, match="one checkout"), sealing(tmp_path / "x-0123456789.h5", Recipe("iri", 1)):
            pytest.fail("the block was entered")

    def test_flushes_to_the_disk_before_renaming(self, tmp_path, monkeypatch):
        flushed = []
        monkeypatch.setattr(os, "fsync", lambda number: flushed.append(os.fstat(number).st_size))
        path = seal_one(tmp_path)
        assert flushed == [len(CONTENT), seal_path(path).stat().st_size]


def test_write_atomically_leaves_the_old_text_if_it_fails(tmp_path, monkeypatch):
    path = tmp_path / "table.csv"
    write_atomically(path, "old")
    monkeypatch.setattr("stir_workflow.store.atomic.flush", lambda _: (_ for _ in ()).throw(OSError("broken disk")))
    with pytest.raises(OSError, match="broken disk"):
        write_atomically(path, "new")
    assert path.read_text() == "old"
    assert names(tmp_path) == ["table.csv"]


def replace_by_another(path, *, with_seal):
    other = seal_one(path.parent / "other", "stage2", content=CONTENT[::-1])
    shutil.copy(other, path)
    if with_seal:
        shutil.copy(seal_path(other), seal_path(path))


def in_place_of(path, *, what):
    path.unlink()
    path.mkdir() if what == "folder" else path.symlink_to("nowhere")


def rewrite_seal(path, change):
    """Write a seal as text, with nothing to make it good again."""
    seal_path(path).write_text(change(seal_path(path).read_text()))


HARM = {
    "absent": (lambda path: path.unlink(), "no such file"),
    "no seal": (lambda path: seal_path(path).unlink(), "has no seal"),
    "truncated": (lambda path: path.write_bytes(CONTENT[:-1]), "bytes; its seal says"),
    "emptied": (lambda path: path.write_bytes(b""), "has 0 bytes"),
    "lengthened": (lambda path: path.write_bytes(CONTENT + b"x"), "bytes; its seal says"),
    "one bit flipped": (flip_a_bit, "SHA-256 differs"),
    "another artifact": (lambda path: replace_by_another(path, with_seal=False), "SHA-256 differs"),
    "another artifact with its seal": (lambda path: replace_by_another(path, with_seal=True), "seal of another artifact"),
    "seal cut": (lambda path: seal_path(path).write_text('{"size": 3'), "cannot be read"),
    "seal emptied": (lambda path: seal_path(path).write_text(""), "cannot be read"),
    "seal a list": (lambda path: seal_path(path).write_text("[]"), "cannot be read"),
    "seal without a hash": (lambda path: seal_path(path).write_text('{"size": 3, "key": "x", "recipe": {}}'), "cannot be read"),
    "seal not text": (lambda path: seal_path(path).write_bytes(b"\xff\xfe\x00"), "cannot be read"),
    "seal without its last character": (lambda path: rewrite_seal(path, lambda text: text[:-1]), "cannot be read"),
    "seal on one line": (lambda path: rewrite_seal(path, lambda text: json.dumps(json.loads(text))), "cannot be read"),
    "seal with another device": (
        lambda path: rewrite_seal(path, lambda text: text.replace('"cuda"', '"cudb"')),
        "cannot be read",
    ),
    "seal with a misnamed sum": (
        lambda path: rewrite_seal(path, lambda text: text.replace("seal_sha", "seal_sia")),
        "cannot be read",
    ),
    "seal nested without end": (lambda path: seal_path(path).write_text("[" * 100_000), "cannot be read"),
    "seal with no number in its recipe": (
        lambda path: edit_seal(path, recipe={"stage": "iri", "version": float("nan"), "settings": {}, "inputs": {}}),
        "cannot be read",
    ),
    "seal a FIFO": (lambda path: (seal_path(path).unlink(), os.mkfifo(seal_path(path))), "cannot be read"),
    "seal a device": (lambda path: (seal_path(path).unlink(), seal_path(path).symlink_to("/dev/zero")), "cannot be read"),
    "seal of a gigabyte": (lambda path: os.truncate(seal_path(path), 10**9), "cannot be read"),
    "seal with its size as text": (lambda path: edit_seal(path, size=str(len(CONTENT))), "cannot be read"),
    "seal with a truth for a size": (lambda path: edit_seal(path, size=True), "cannot be read"),
    "seal with a list for a hash": (lambda path: edit_seal(path, sha256=["0"]), "cannot be read"),
    "seal with a number of 5,000 digits": (
        lambda path: rewrite_seal(path, lambda text: text.replace('"size": ', f'"size": {"9" * 5000}')),
        "cannot be read",
    ),
    "seal with settings that are a list": (
        lambda path: edit_seal(path, recipe={"stage": "iri", "version": 1, "settings": ["experiment"], "inputs": {}}),
        "cannot be read",
    ),
    "seal with inputs that are numbers": (
        lambda path: edit_seal(path, recipe={"stage": "iri", "version": 1, "settings": {}, "inputs": {"x": 1}}),
        "cannot be read",
    ),
    "a FIFO in its place": (lambda path: (path.unlink(), os.mkfifo(path)), "there is a folder or device"),
    "a device in its place": (lambda path: (path.unlink(), path.symlink_to("/dev/zero")), "where there is no file"),
    "a looping link": (lambda path: (path.unlink(), path.symlink_to(path.name)), "where there is no file"),
    "seal a folder": (lambda path: (seal_path(path).unlink(), seal_path(path).mkdir()), "cannot be read"),
    "a folder in its place": (lambda path: in_place_of(path, what="folder"), "there is a folder"),
    "a link to nowhere": (lambda path: in_place_of(path, what="link"), "is a link to nowhere"),
    "seal with a recipe of another form": (lambda path: edit_seal(path, recipe={"stage": "iri", "colour": 1}), "remake"),
    "seal with a list for a recipe": (lambda path: edit_seal(path, recipe=["iri"]), "remake"),
    "seal with another key": (lambda path: edit_seal(path, key="0123456789"), "seal of another artifact"),
    "seal with an altered recipe": (
        lambda path: edit_seal(path, recipe={"stage": "iri", "version": 2, "settings": {"layer": "stage3"}, "inputs": {}}),
        "seal of another artifact",
    ),
}


@pytest.mark.parametrize("harm", HARM)
def test_checked_finds(artifact, harm):
    do, message = HARM[harm]
    do(artifact)
    with pytest.raises(ArtifactError, match=message) as caught:
        checked(artifact)
    assert artifact.name in str(caught.value)


@pytest.mark.parametrize("harm", sorted(HARM.keys() - {"absent"}))
def test_verify_finds_the_bad_one_among_good_ones(artifact, harm):
    good = seal_one(artifact.parent, "penultimate")
    do, message = HARM[harm]
    do(artifact)
    bad = verify([good, artifact, artifact.with_name("absent")])
    assert list(bad) == [artifact]
    assert message in bad[artifact]


def test_every_bit_of_a_seal_counts(artifact):
    """What it says of versions and device is provenance, and no less to be trusted than the content."""
    good = seal_path(artifact).read_bytes()
    unnoticed = []
    for place in range(len(good)):
        for bit in range(8):
            bad = bytearray(good)
            bad[place] ^= 1 << bit
            seal_path(artifact).write_bytes(bad)
            try:
                read_seal(artifact)
            except ArtifactError:
                continue
            unnoticed.append((place, bit))
    assert unnoticed == []


def test_a_seal_with_a_sum_may_say_more(artifact):
    edit_seal(artifact, colour="red")
    assert checked(artifact) == artifact


def test_seals_without_a_sum_of_their_own_are_as_good_as_they_were(artifact):
    seal = json.loads(seal_path(artifact).read_text())
    seal = {name: value for name, value in seal.items() if name in artifacts.OLD_KEYS}
    seal_path(artifact).write_text(json.dumps(seal, indent=1, sort_keys=True) + "\n")
    assert checked(artifact) == artifact


@pytest.mark.parametrize("error", [PermissionError(13, "Permission denied"), OSError(5, "Input/output error")])
def test_what_the_disk_does_not_give_is_bad_and_said(artifact, monkeypatch, error):
    def refuse(_):
        raise error

    monkeypatch.setattr(artifacts, "sha256_of", refuse)
    with pytest.raises(ArtifactError, match=f"cannot be read .{error.strerror}") as caught:
        checked(artifact)
    assert str(artifact) in str(caught.value)
    assert list(verify([artifact])) == [artifact]


def test_checked_returns_a_good_one(artifact):
    assert checked(artifact) == artifact
    assert read_seal(artifact)["size"] == len(CONTENT)


def test_a_planted_link_at_the_seals_name_is_not_written_through(tmp_path):
    recipe = Recipe("iri", 1, {"layer": "stage3"})
    (tmp_path / "mine").write_text("mine")
    for name in (f"stage3-{recipe.key}.h5", f"stage3-{recipe.key}.h5.json"):
        (tmp_path / name).symlink_to("mine")
    assert checked(seal_one(tmp_path)).read_bytes() == CONTENT
    assert (tmp_path / "mine").read_text() == "mine"


def test_a_folder_in_place_of_the_seal_is_said(tmp_path):
    recipe = Recipe("iri", 1, {"layer": "stage3"})
    (tmp_path / f"stage3-{recipe.key}.h5.json").mkdir()
    with pytest.raises(ArtifactError, match=r"h5\.json, or nothing; there is a folder"):
        seal_one(tmp_path)


class TestOwnership:
    """A whole seal of this project's, of that name, in the folder of its stage, behind no link that leads out."""

    @pytest.fixture
    def path(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        return seal_one(tmp_path / "results" / "iris")

    def test_is_shown_by_a_seal(self, path, tmp_path):
        assert is_ours(path)
        assert is_ours(path.relative_to(tmp_path))
        path.write_bytes(b"cut")
        assert is_ours(path), "what is bad is no less ours"

    @pytest.mark.parametrize(
        "harm",
        ["no seal", "seal cut", "another artifact with its seal", "seal with another key", "seal a FIFO", "seal of a gigabyte"],
    )
    def test_is_not_shown_by_a_name(self, path, harm):
        HARM[harm][0](path)
        assert not is_ours(path)

    @pytest.mark.parametrize("place", ["data/mine/{}", "results/tables/{}", "elsewhere/{}", "results/iris/../../{}"])
    def test_does_not_reach_beyond_the_folder_of_the_stage(self, path, place):
        other = path.parents[2] / place.format(path.name)
        other.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, other)
        shutil.copy(seal_path(path), seal_path(other))
        assert checked(other) == other
        assert not is_ours(other)

    def test_ends_at_a_link_that_leads_out(self, path, tmp_path):
        path.parent.rename(tmp_path / "elsewhere")
        path.parent.symlink_to(tmp_path / "elsewhere")
        assert not is_ours(path)


class TestQuarantine:
    @pytest.fixture
    def path(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        return seal_one(tmp_path / "results" / "iris")

    def test_that_is_a_link_takes_nothing(self, path, tmp_path):
        (tmp_path / "out").mkdir()
        (path.parent / ".quarantine").symlink_to(tmp_path / "out")
        with pytest.raises(ArtifactError, match=r"\.quarantine is a link.*by hand"):
            set_aside(path)
        assert path.exists()
        assert list((tmp_path / "out").iterdir()) == []

    def test_takes_nothing_from_outside_or_from_behind_a_link(self, path, tmp_path):
        (tmp_path / "mine").write_text("mine")
        path.parent.rename(tmp_path / "out")
        path.parent.symlink_to(tmp_path / "out")
        for outside in (tmp_path / "mine", path, path.parent / ".." / ".." / "mine"):
            with pytest.raises(ArtifactError, match="outside data/ and results/"):
                set_aside(outside)
        assert (tmp_path / "out" / path.name).read_bytes() == CONTENT
        assert (tmp_path / "mine").read_text() == "mine"

    def test_takes_no_file_along_that_is_no_seal(self, path):
        table, mine = path.with_name("tiny.csv"), path.with_name("tiny.csv.json")
        table.write_text("bad")
        mine.write_text("mine")
        set_aside(table)
        assert mine.read_text() == "mine"
