"""A stamp is worth something only while the files it stands for are the ones it was made with."""

import json
import os

import pytest

from stir.digests import sha256_of
from stir.errors import ArtifactError
from stir_workflow.store.artifacts import seal_path, sealing
from stir_workflow.store.identity import Recipe
from stir_workflow.store.publication import check_unclaimed, publish
from stir_workflow.store.stamps import keyed_folder, make_keyed_folder, read_stamp, stamp, stamped
from stir_workflow.store.verification import set_bad_aside, verify

RECIPE = Recipe("table", 1, {"experiment": "tiny"})


def make(folder, files, stage="table", version=1, experiment="tiny"):
    """Write files into a folder of their key, and stamp them."""
    recipe = Recipe(stage, version, {"experiment": experiment})
    path = folder / f"{stage}s" / f"{experiment}-{recipe.key}.stamp"
    keyed_folder(path).mkdir(parents=True)
    for name, text in files.items():
        (keyed_folder(path) / name).write_text(text)
    stamp(path, recipe, [keyed_folder(path) / name for name in files])
    return path


class TestAStamp:
    @pytest.fixture
    def path(self, tmp_path):
        return make(tmp_path, {name: f"{name}\n1\n" for name in ("tiny.csv", "tiny-models.csv")})

    @pytest.fixture
    def tables(self, path):
        return [keyed_folder(path) / "tiny.csv", keyed_folder(path) / "tiny-models.csv"]

    def test_gives_its_files_by_name(self, path, tables):
        assert stamped(path) == {file.name: file for file in tables}

    def test_is_sealed_and_the_same_whatever_the_order(self, path, tables):
        first = path.read_bytes()
        assert seal_path(path).is_file()
        stamp(path, RECIPE, reversed(tables))
        assert path.read_bytes() == first

    def test_of_an_altered_file_is_refused(self, path, tables):
        tables[0].write_text("tiny.csv\n2\n")
        with pytest.raises(ArtifactError, match=r"tiny\.csv is not the one"):
            stamped(path)

    def test_of_a_missing_file_is_refused(self, path, tables):
        tables[1].unlink()
        with pytest.raises(ArtifactError, match=r"tiny-models\.csv is not the one"):
            stamped(path)

    def test_of_files_in_each_others_place_is_refused(self, path, tables):
        first, second = (file.read_bytes() for file in tables)
        tables[0].write_bytes(second)
        tables[1].write_bytes(first)
        with pytest.raises(ArtifactError, match="is not the one"):
            stamped(path)

    def test_edited_to_fit_is_refused(self, path, tables):
        tables[0].write_text("tiny.csv\n2\n")
        path.write_text(json.dumps(dict(list(json.loads(path.read_text()).items())[:1])))
        with pytest.raises(ArtifactError, match="its seal says"):
            stamped(path)

    def test_cannot_be_of_absent_files(self, tmp_path, tables):
        path = tmp_path / "tables" / f"other-{RECIPE.key}.stamp"
        with pytest.raises(FileNotFoundError):
            stamp(path, RECIPE, [*tables, tables[0].with_name("absent.csv")])
        assert not path.exists()


HOSTILE = (
    *("../../mine.txt", "/{root}/mine.txt", "mine.txt", "..", "", "tables/", "tables//mine.txt", "tables/../../mine.txt"),
    *("tables/tiny-{key}/../../../mine.txt", "tables/tiny-0123456789/tiny.csv", "iris/x-0123456789.h5", "tables/.hidden"),
    *("tables/a\0b", "tables/a\nb", "tables/" + "x" * 300, "tables/\u202e.csv", "publications/x.csv", "tables/tinymine.csv"),
)


class TestAHostileStamp:
    """A stamp with a matching seal, from a remote or a shared folder; the names in it are treated as data."""

    @pytest.fixture
    def mine(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        (tmp_path / "mine.txt").write_text("mine")
        return tmp_path / "mine.txt"

    def write(self, root, content, stage="table"):
        recipe = Recipe(stage, 1, {"experiment": "tiny"})
        path = root / "results" / f"{stage}s" / f"tiny-{recipe.key}.stamp"
        with sealing(path, recipe) as temporary:
            temporary.write_text(content if isinstance(content, str) else json.dumps(content))
        return path

    @pytest.mark.parametrize("name", HOSTILE)
    def test_that_names_other_files_is_bad_and_moves_nothing_else(self, tmp_path, mine, name):
        name = name.format(root=tmp_path, key=Recipe("table", 1, {"experiment": "tiny"}).key)
        path = self.write(tmp_path, {name: "0" * 64})
        bad = verify([path])
        assert list(bad) == [path]
        assert "Expected the stamp" in bad[path]
        with pytest.raises(ArtifactError, match="Expected the stamp"):
            stamped(path)
        set_bad_aside(bad, say=lambda line: None)
        assert mine.read_text() == "mine"
        assert not path.exists()

    @pytest.mark.parametrize(
        "content", ["[1]", "7", '{"tables/tiny.csv": 7}', '{"tables/tiny.csv": "../../mine.txt"}', "[" * 10**5, "\0", "{"]
    )
    def test_of_another_form_is_bad(self, tmp_path, content):
        path = self.write(tmp_path, content)
        assert list(verify([path])) == [path]

    @pytest.mark.parametrize("what", ["gigabyte", "FIFO"])
    def test_that_cannot_be_read_is_not_waited_for(self, tmp_path, what):
        path = self.write(tmp_path, "{}")
        path.unlink()
        if what == "FIFO":
            os.mkfifo(path)
        else:
            path.touch()
            os.truncate(path, 10**9)
        with pytest.raises(ArtifactError, match="cannot be read"):
            read_stamp(path)

    def test_moves_no_copy_in_the_place_of_a_published_one(self, tmp_path, mine):
        """Only the publication knows the owner of the file."""
        path = self.write(tmp_path, {"tables/tiny.csv": "0" * 64}, "publication")
        (tmp_path / "results" / "tables").mkdir()
        mine.rename(tmp_path / "results" / "tables" / "tiny.csv")
        assert list(verify([path])) == [path]

    def test_does_not_publish_or_remove_what_is_not_of_its_experiment(self, tmp_path, mine):
        tables = tmp_path / "results" / "tables"
        tables.mkdir(parents=True)
        notes = tables / "notes.csv"
        notes.write_text("mine")
        self.write(tmp_path, {"tables/notes.csv": sha256_of(notes)}, "publication")
        recipe = Recipe("publication", 2, {"experiment": "tiny"})
        good = make(tmp_path / "results", {"tiny.csv": "good"}, version=3)
        publish(tmp_path / "results" / "publications" / f"tiny-{recipe.key}.stamp", recipe, [good])
        assert notes.read_text() == "mine"
        other = make(tmp_path / "results", {"notes.csv": "bad"}, version=4)
        with pytest.raises(ArtifactError, match="Expected tables and figures of tiny"):
            publish(tmp_path / "results" / "publications" / f"tiny-{recipe.key}.stamp", recipe, [other])
        assert notes.read_text() == "mine"

    def test_removes_no_file_of_which_there_is_no_other_copy(self, tmp_path, mine):
        """A stamp that knows the digest of a file of the user's."""
        notes = tmp_path / "results" / "tables" / "tiny-notes.csv"
        notes.parent.mkdir(parents=True)
        notes.write_text("mine")
        self.write(tmp_path, {"tables/tiny-notes.csv": sha256_of(notes)}, "publication")
        good, recipe = (
            make(tmp_path / "results", {"tiny.csv": "good"}, version=3),
            Recipe("publication", 2, {"experiment": "tiny"}),
        )
        (said,) = publish(tmp_path / "results" / "publications" / f"tiny-{recipe.key}.stamp", recipe, [good])
        assert "tiny-notes.csv is of other settings, and there is no other copy. It was moved to" in said
        assert (notes.parent / ".quarantine" / "tiny-notes.csv.0").read_text() == "mine"

    def test_writes_to_no_folder_behind_a_link(self, tmp_path, mine):
        (tmp_path / "out").mkdir()
        path = tmp_path / "results" / "tables" / "tiny-0123456789.stamp"
        path.parent.mkdir(parents=True)
        keyed_folder(path).symlink_to(tmp_path / "out")
        with pytest.raises(ArtifactError, match="got a link to"):
            make_keyed_folder(path)

    def test_moves_nothing_out_of_a_linked_folder(self, tmp_path, mine):
        path = make(tmp_path / "results", {"mine.txt": "first"})
        keyed_folder(path).rename(tmp_path / "old")
        keyed_folder(path).symlink_to(tmp_path)
        set_bad_aside(verify([path]), say=lambda line: None)
        assert mine.read_text() == "mine"

    @pytest.mark.parametrize("what", ["FIFO", "folder", "dangling link"])
    def test_whatever_lies_in_the_way_of_a_copy_is_set_aside(self, tmp_path, mine, what):
        good = make(tmp_path / "results", {"tiny.csv": "good"})
        place = tmp_path / "results" / "tables" / "tiny.csv"
        {"FIFO": os.mkfifo, "folder": os.mkdir, "dangling link": lambda path: path.symlink_to("nowhere")}[what](place)
        recipe = Recipe("publication", 1, {"experiment": "tiny"})
        (said,) = publish(tmp_path / "results" / "publications" / f"tiny-{recipe.key}.stamp", recipe, [good])
        assert "tiny.csv was not made by this workflow" in said
        assert place.read_text() == "good"


class TestPublishing:
    @pytest.fixture
    def root(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        return tmp_path / "results"

    @pytest.fixture
    def versions(self, root):
        """Tables and figures of two settings; the second makes a figure less."""
        return [
            (
                make(root, {"tiny.csv": f"table {version}"}, "table", version),
                make(root, {f"tiny-{name}.png": f"{name} {version}" for name in names}, "figure", version),
            )
            for version, names in ((1, ("cka", "rsa")), (2, ("cka",)))
        ]

    def published(self, root, versions, number):
        recipe = Recipe("publication", 1, {"experiment": "tiny"}, {"table": str(number)})
        path = root / "publications" / f"tiny-{recipe.key}.stamp"
        return path, publish(path, recipe, versions[number])

    def texts(self, root):
        return {file.name: file.read_text() for file in sorted(root.glob("*/*")) if file.suffix in (".csv", ".png", ".txt")}

    def test_copies_tables_and_figures_to_names_without_a_key(self, root, versions):
        path, said = self.published(root, versions, 0)
        assert said == []
        assert self.texts(root) == {"tiny-cka.png": "cka 1", "tiny-rsa.png": "rsa 1", "tiny.csv": "table 1"}
        assert stamped(path).keys() == self.texts(root).keys()
        assert not list(root.rglob("*.tmp"))

    def test_replaces_copies_of_other_settings_and_removes_those_it_does_not_make(self, root, versions):
        before, _ = self.published(root, versions, 0)
        _, said = self.published(root, versions, 1)
        assert said == []
        assert self.texts(root) == {"tiny-cka.png": "cka 2", "tiny.csv": "table 2"}
        assert not before.exists(), "one stamp says what lies there"
        assert not seal_path(before).exists()
        self.published(root, versions, 0)
        assert self.texts(root) == {"tiny-cka.png": "cka 1", "tiny-rsa.png": "rsa 1", "tiny.csv": "table 1"}
        assert not list(root.rglob(".quarantine"))

    def test_that_was_cut_off_and_came_out_mixed_is_completed_by_either_settings(self, root, versions):
        self.published(root, versions, 0)[0].unlink()
        (root / "tables" / "tiny.csv").write_text("table 2")
        for number, figures in ((1, 1), (0, 2)):
            path, said = self.published(root, versions, number)
            assert said == []
            assert len(stamped(path)) == len(self.texts(root)) == 1 + figures
        assert not list(root.rglob(".quarantine"))

    def test_sets_aside_what_it_did_not_publish(self, root, versions):
        (root / "tables" / "tiny.csv").write_text("my own")
        _, (said,) = self.published(root, versions, 0)
        assert "tiny.csv was not made by this workflow. It was moved to" in said
        assert (root / "tables" / ".quarantine" / "tiny.csv.0").read_text() == "my own"
        assert self.texts(root)["tiny.csv"] == "table 1"

    def test_leaves_alone_what_it_did_not_publish_and_does_not_make(self, root, versions):
        self.published(root, versions, 0)
        (root / "figures" / "tiny-rsa.png").write_text("drawn by hand")
        (root / "figures" / "tiny-notes.txt").write_text("notes")
        _, said = self.published(root, versions, 1)
        assert said == []
        texts = self.texts(root)
        assert (texts["tiny-rsa.png"], texts["tiny-notes.txt"]) == ("drawn by hand", "notes")

    def test_leaves_alone_an_experiment_whose_name_begins_the_same(self, root, versions):
        table = make(root, {"tiny-wide.csv": "wide"}, "table", experiment="tiny-wide")
        recipe = Recipe("publication", 1, {"experiment": "tiny-wide"})
        path = root / "publications" / f"tiny-wide-{recipe.key}.stamp"
        publish(path, recipe, [table])
        for number in (0, 1):
            self.published(root, versions, number)
        assert stamped(path)["tiny-wide.csv"].read_text() == "wide"

    def test_does_not_write_through_a_link(self, root, versions):
        cached = root.parent / "cached"
        cached.write_text("table 2")
        (root / "tables" / "tiny.csv").symlink_to(cached)
        self.published(root, versions, 0)
        assert cached.read_text() == "table 2"
        assert not (root / "tables" / "tiny.csv").is_symlink()

    def test_of_a_bad_table_is_refused_and_changes_nothing(self, root, versions):
        self.published(root, versions, 0)
        before = self.texts(root)
        (keyed_folder(versions[1][0]) / "tiny.csv").write_text("worse")
        with pytest.raises(ArtifactError, match="is not the one"):
            self.published(root, versions, 1)
        assert self.texts(root) == before


class TestOfAnotherExperiment:
    @pytest.fixture
    def root(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        return tmp_path / "results"

    def publish(self, root, experiment, files, origin=None):
        table = make(root, files, "table", experiment=experiment)
        recipe = Recipe("publication", 1, {"experiment": experiment}, {"table": table.name})
        path = root / "publications" / f"{experiment}-{recipe.key}.stamp"
        publish(path, recipe, [table], origin)

    def test_a_table_is_not_replaced(self, root):
        self.publish(root, "tiny-summary", {"tiny-summary.csv": "theirs"})
        with pytest.raises(ArtifactError, match=r"tiny-summary\.csv, which the experiment 'tiny-summary' of another file has"):
            self.publish(root, "tiny", {"tiny.csv": "ours", "tiny-summary.csv": "ours"})
        assert (root / "tables" / "tiny-summary.csv").read_text() == "theirs"
        assert not (root / "tables" / "tiny.csv").exists(), "all of it or nothing"

    @pytest.mark.parametrize("origin", [5, ["x"], "a\0b", "x" * 5000, "/dev/null"])
    def test_a_file_that_is_none_claims_nothing(self, root, origin):
        self.publish(root, "tiny", {"tiny.csv": "first"}, origin)
        path = root / "publications" / "tiny-0123456789.stamp"
        check_unclaimed(path, "tiny", [root / "tables" / "tiny.csv"], "mine.yaml")
