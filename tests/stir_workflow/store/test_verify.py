"""Verified files are not read again; bad files are moved to quarantine, not deleted."""

import json
import os

import pytest

from stir.digests import sha256_of
from stir.errors import ArtifactError
from stir_workflow.store import artifacts, verification
from stir_workflow.store.artifacts import seal_path
from stir_workflow.store.identity import Recipe
from stir_workflow.store.quarantine import set_aside
from stir_workflow.store.stamps import keyed_folder, stamp
from stir_workflow.store.survey import sealed_files
from stir_workflow.store.verification import verify
from tests.stir_workflow.sealed import edit_seal, flip_a_bit, seal_one


@pytest.fixture(autouse=True)
def iris(tmp_path, monkeypatch):
    """The folder of IRIs of a project, which is the current folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path / "results" / "iris"


@pytest.fixture
def artifact(iris):
    return seal_one(iris)


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

    def test_a_time_that_was_set_back_hides_no_change(self, known, hashed, tmp_path):
        old = known[0].stat()
        flip_a_bit(known[0])
        os.utime(known[0], ns=(old.st_atime_ns, old.st_mtime_ns))
        assert known[0].stat().st_mtime_ns == old.st_mtime_ns
        assert list(verify(known, memory=tmp_path / "memory.json")) == [known[0]]

    def test_a_disk_that_forgets_without_a_trace_is_seen_by_reading_every_byte(self, known, hashed, tmp_path, monkeypatch):
        """Tested by remembering a file as it is: nothing but a disk changes bytes and no time."""
        flip_a_bit(known[0])
        memory = tmp_path / "memory.json"
        memory.write_text(json.dumps({verification._name(path): verification._mark(path) for path in known}))
        assert verify(known, memory=memory) == {}
        assert list(verify(known, memory=memory, deep=True)) == [known[0]]
        assert list(verify(known, memory=memory)) == [known[0]], "a bad file is no longer remembered as good"

    def test_a_run_and_a_look_from_outside_remember_alike(self, known, hashed, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        verify([path.relative_to(tmp_path) for path in known], memory=tmp_path / "here.json")
        hashed.clear()
        verify(known, memory=tmp_path / "here.json")
        assert hashed == []

    @pytest.mark.parametrize("content", ["[]", "", "{", "\x00", '{"a": 1}'])
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

    def test_never_overwrites_what_was_set_aside_before(self, iris):
        places = []
        for number in range(3):
            path = seal_one(iris, content=b"bad %d" % number)
            if number == 1:
                seal_path(path).unlink()
            places.append(set_aside(path))
        assert [place.read_bytes() for place in places] == [b"bad 0", b"bad 1", b"bad 2"]
        seals = sorted(iris.glob(".quarantine/*.json"))
        assert [json.loads(seal.read_text())["size"] for seal in seals] == [5, 5]

    def test_a_link_goes_on_pointing_where_it_did(self, artifact):
        """DVC may keep content elsewhere, and links here."""
        store = artifact.with_name("store")
        artifact.rename(store)
        artifact.symlink_to("store")
        flip_a_bit(store)
        place = set_aside(artifact)
        assert place.is_symlink()
        assert place.read_bytes() == store.read_bytes()
        assert not artifact.is_symlink()

    def test_whatever_is_there_is_moved(self, iris):
        folder, link = seal_one(iris, "stage1"), seal_one(iris, "stage2")
        folder.unlink(), link.unlink()
        folder.mkdir(), link.symlink_to("nowhere")
        (folder / "inside").write_text("kept")
        assert (set_aside(folder) / "inside").read_text() == "kept"
        assert set_aside(link).is_symlink()
        assert [path.name for path in iris.iterdir()] == [".quarantine"]

    def test_a_folder_that_lets_nothing_be_moved_is_named(self, artifact):
        (artifact.parent / ".quarantine").write_text("a file in its place")
        with pytest.raises(ArtifactError, match=r"cannot be moved to .*\.quarantine.*; move it by hand") as caught:
            set_aside(artifact)
        assert str(artifact) in str(caught.value)
        assert artifact.exists()

    def test_sealed_files_passes_over_quarantine(self, iris):
        set_aside(seal_one(iris))
        good = seal_one(iris / "deeper", "penultimate")
        (iris / "notes.txt").write_text("no artifact")
        assert sealed_files([iris]) == [good]
        assert sealed_files([good]) == [good]


class TestStamps:
    """A stamp and the files that it stands for are good together."""

    @pytest.fixture
    def stamped(self, tmp_path):
        recipe = Recipe("table", 1)
        path = tmp_path / "tables" / f"tiny-{recipe.key}.stamp"
        table = keyed_folder(path) / "tiny.csv"
        table.parent.mkdir(parents=True)
        table.write_text("first")
        stamp(path, recipe, [table])
        return path, table

    def test_good_ones_are_good(self, stamped):
        assert verify([stamped[0]]) == {}

    @pytest.mark.parametrize("harm", ["altered", "emptied", "folder"])
    def test_a_bad_file_is_named_with_its_stamp(self, stamped, harm):
        path, table = stamped
        table.unlink()
        table.mkdir() if harm == "folder" else table.write_text({"altered": "frist", "emptied": ""}[harm])
        bad = verify([path])
        assert set(bad) == {path, table}
        assert "tiny.csv differs from the file" in bad[table]

    def test_a_file_that_is_gone_makes_its_stamp_bad(self, stamped):
        path, table = stamped
        table.unlink()
        assert list(bad := verify([path])) == [path]
        assert "tiny.csv, which changed or is missing" in bad[path]

    def test_a_bad_stamp_takes_along_what_does_not_match_it(self, stamped):
        path, table = stamped
        table.write_text("frist")
        path.write_text(path.read_text() + " ")
        assert set(verify([path])) == {path, table}

    def test_a_bad_stamp_is_not_believed_about_files_elsewhere(self, stamped, tmp_path):
        path, _ = stamped
        (tmp_path / "mine.txt").write_text("not of this workflow")
        path.write_text(json.dumps({"mine.txt": "0" * 64}))
        assert list(verify([path])) == [path]
