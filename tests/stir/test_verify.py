"""What was found good is not read again; what was found bad is set aside, not deleted."""

import json
import os

import pytest

from stir import artifacts
from stir.artifacts import seal_path, sealed_files, set_aside, sha256_of, verify
from tests.stir.sealed import edit_seal, flip_a_bit, seal_one


@pytest.fixture
def artifact(tmp_path):
    return seal_one(tmp_path)


class TestMemory:
    """A file is read again only if it, or its seal, may have changed."""

    @pytest.fixture
    def hashed(self, monkeypatch):
        read = []
        monkeypatch.setattr(artifacts, "sha256_of", lambda path: (read.append(path), sha256_of(path))[1])
        return read

    @pytest.fixture
    def known(self, tmp_path, artifact, hashed):
        """Two artifacts that were found good once, and the memory of it."""
        paths = [artifact, seal_one(tmp_path, "penultimate")]
        hashed.clear()
        assert verify(paths, memory=tmp_path / "memory.json") == {}
        assert hashed == paths
        hashed.clear()
        return paths

    def test_unchanged_files_are_not_read_again(self, known, hashed, tmp_path):
        assert verify(known, memory=tmp_path / "memory.json") == {}
        assert hashed == []

    def test_without_memory_every_file_is_read(self, known, hashed):
        verify(known)
        assert hashed == known

    def test_a_changed_file_is_read_again_alone(self, known, hashed, tmp_path):
        flip_a_bit(known[0])
        os.utime(known[0], (1, 1))
        assert list(verify(known, memory=tmp_path / "memory.json")) == [known[0]]
        assert hashed == [known[0]]

    def test_a_replaced_file_of_the_same_age_is_read_again(self, known, hashed, tmp_path):
        old = known[0].stat()
        spare = tmp_path / "spare"
        spare.write_bytes(known[0].read_bytes())
        flip_a_bit(spare)
        spare.rename(known[0])
        os.utime(known[0], ns=(old.st_atime_ns, old.st_mtime_ns))
        assert list(verify(known, memory=tmp_path / "memory.json")) == [known[0]]

    def test_a_changed_seal_is_noticed(self, known, tmp_path):
        edit_seal(known[1], size=3)
        assert list(verify(known, memory=tmp_path / "memory.json")) == [known[1]]

    def test_a_removed_seal_is_noticed(self, known, tmp_path):
        seal_path(known[1]).unlink()
        assert list(verify(known, memory=tmp_path / "memory.json")) == [known[1]]

    def test_a_bad_file_is_not_remembered_as_good(self, known, tmp_path):
        flip_a_bit(known[0])
        for _ in range(3):
            assert list(verify(known, memory=tmp_path / "memory.json")) == [known[0]]

    @pytest.mark.parametrize("content", ["", "{", "\x00", '{"a": 1}'])
    def test_an_unreadable_memory_is_as_none(self, known, hashed, tmp_path, content):
        (tmp_path / "memory.json").write_text(content)
        assert verify(known, memory=tmp_path / "memory.json") == {}
        assert hashed == known

    def test_other_experiments_files_stay_known(self, known, hashed, tmp_path):
        more = seal_one(tmp_path, "stage1")
        verify([more], memory=tmp_path / "memory.json")
        hashed.clear()
        verify([*known, more], memory=tmp_path / "memory.json")
        assert hashed == []


class TestSetAside:
    def test_moves_the_artifact_and_its_seal(self, artifact):
        flip_a_bit(artifact)
        bad, seal = artifact.read_bytes(), seal_path(artifact).read_bytes()
        place = set_aside(artifact)
        assert not artifact.exists()
        assert not seal_path(artifact).exists()
        assert place.parent == artifact.parent / ".quarantine"
        assert place.read_bytes() == bad
        assert place.with_name(place.name + ".json").read_bytes() == seal

    def test_never_overwrites_what_was_set_aside_before(self, tmp_path):
        places = []
        for number in range(3):
            path = seal_one(tmp_path, content=b"bad %d" % number)
            if number == 1:
                seal_path(path).unlink()
            places.append(set_aside(path))
        assert [place.read_bytes() for place in places] == [b"bad 0", b"bad 1", b"bad 2"]
        seals = sorted(tmp_path.glob(".quarantine/*.json"))
        assert [json.loads(seal.read_text())["size"] for seal in seals] == [5, 5]

    def test_sealed_files_passes_over_quarantine(self, tmp_path):
        set_aside(seal_one(tmp_path))
        good = seal_one(tmp_path / "deeper", "penultimate")
        (tmp_path / "notes.txt").write_text("no artifact")
        assert sealed_files([tmp_path]) == [good]
        assert sealed_files([good]) == [good]
