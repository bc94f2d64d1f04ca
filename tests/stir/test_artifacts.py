"""An artifact is there whole and as sealed, or a reader says which one is not."""

import json
import os
import shutil

import pytest

from stir import artifacts
from stir.artifacts import checked, read_seal, seal_path, sealing, sha256_of, verify, write_atomically
from stir.errors import ArtifactError
from stir.identity import Recipe
from stir.provenance import processor
from tests.stir.sealed import CONTENT, edit_seal, flip_a_bit, seal_one


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
    monkeypatch.setattr(artifacts, "_flush", lambda _: (_ for _ in ()).throw(OSError("broken disk")))
    with pytest.raises(OSError, match="broken disk"):
        write_atomically(path, "new")
    assert path.read_text() == "old"
    assert names(tmp_path) == ["table.csv"]


def replace_by_another(path, *, with_seal):
    other = seal_one(path.parent / "other", "stage2", content=CONTENT[::-1])
    shutil.copy(other, path)
    if with_seal:
        shutil.copy(seal_path(other), seal_path(path))


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


def test_checked_returns_a_good_one(artifact):
    assert checked(artifact) == artifact
    assert read_seal(artifact)["size"] == len(CONTENT)
