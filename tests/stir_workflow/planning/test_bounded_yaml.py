"""YAML that is hostile or absurd is refused at once, in one line that names the file, before anything is built from it."""

import itertools
import os
import time

import pytest

from stir_workflow.planning.bounded_yaml import MOST_BYTES, ExperimentError, read_yaml
from stir_workflow.planning.loading import load_experiment
from stir_workflow.planning.reading import read_experiment
from tests.experiment_files import QUICKSTART, TINY, write_yaml
from tests.experiment_files import read_yaml as read_trusted

LETTERS = "abcdefghij"
NINE = {this: ",".join([f"*{before}"] * 9) for before, this in itertools.pairwise(LETTERS)}
BOMB = "a: &a [x]\n" + "".join(f"{name}: &{name} [{nine}]\n" for name, nine in NINE.items())
MERGE_BOMB = "a: &a {x: 1}\n" + "".join(f"{name}: &{name} {{<<: [{nine}]}}\n" for name, nine in NINE.items())
HOSTILE = {
    "an anchor bomb": (BOMB, "at most 20,000 keys and values"),
    "a bomb of merge keys": (MERGE_BOMB, "at most 20,000 keys and values"),
    "an anchor that contains itself": ("a: &a [*a]\n", "the anchor 'a' contains itself"),
    "a mapping that contains itself": ("a: &a {b: {c: *a}}\n", "the anchor 'a' contains itself"),
    "aliases that nest deeper than brackets": ("a: &a " + "[" * 15 + "]" * 15 + "\nb: " + "[" * 15 + "*a" + "]" * 15, "20 deep"),
    "900 brackets": ("[" * 900 + "]" * 900, "at most 20 deep"),
    "900 mappings": ("{a: " * 900 + "}" * 900, "at most 20 deep"),
    "a list of 30,000 items": ("a: [" + "1," * 30_000 + "]", "at most 20,000"),
    "an integer of 5,000 digits": ("a: " + "9" * 5000, "at most 2,000 characters; got 5,000"),
    "a tag of Python": ("a: !!python/object/apply:os.system ['true']\n", "python/object/apply:os.system', which means nothing"),
    "a set": ("a: !!set {x}", "tag:yaml.org,2002:set"),
    "binary": ("a: !!binary aGk=", "tag:yaml.org,2002:binary"),
    "a tag of its own": ("a: !b 1", "the tag '!b'"),
    "an anchor twice": ("a: &a 1\nb: &a 2", "line 2: the anchor 'a' is given twice"),
    "NUL": ("a: b\0c", "x0000"),
    "NUL in quotes": ('a: "b\\0c"', "a: expected text without control characters; got 'b\\\\x00c'"),
    "half a character": ('a: "\\ud800"', "a: expected text without control characters"),
    "a key of two lines": ('a: {"b\\nc": 1}', "a: expected keys of plain text"),
    "a list as a key": ("? [1, 2]\n: 3", "expected keys of plain text; got \\(1, 2\\)"),
    "a mapping as a key": ("? {a: 1}\n: 3", "unhashable key"),
    "a date as a key": ("2026-01-01: 1", "expected keys of plain text"),
    "a date that is none": ("a: 2026-13-41", "not YAML: month must be in 1..12"),
    "two documents": ("a: 1\n---\nb: 2", "line 2: "),
    "a merge of what is no mapping": ("<<: 5", "line 1: "),
    "another YAML": ("%YAML 9.9\n---\na: 1", "line 1: "),
    "a large file": ("#" * (MOST_BYTES + 1), "expected at most 262,144 bytes"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_yaml_is_refused_at_once_in_one_line(tmp_path, case):
    text, message = HOSTILE[case]
    path = tmp_path / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    began = time.monotonic()
    with pytest.raises(ExperimentError, match=message) as caught:
        read_yaml(path)
    assert time.monotonic() - began < 20
    assert str(caught.value).startswith(f"{path}: ")
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("kind", ["pipe", "device", "folder", "link to itself", "link to nothing", "nothing"])
def test_what_is_no_file_is_refused_without_waiting_for_it(tmp_path, kind):
    path = tmp_path / "mine.yaml"
    make = {
        "pipe": lambda: os.mkfifo(path),
        "device": lambda: path.symlink_to("/dev/zero"),
        "folder": path.mkdir,
        "link to itself": lambda: path.symlink_to("mine.yaml"),
        "link to nothing": lambda: path.symlink_to("nowhere.yaml"),
        "nothing": lambda: None,
    }
    make[kind]()
    with pytest.raises(ExperimentError, match=r"mine\.yaml: expected a file"):
        read_yaml(path)
    extending = write_yaml(tmp_path / "own.yaml", {"extends": "mine.yaml"})
    with pytest.raises(ExperimentError, match=r"own\.yaml: extends: expected the name of an experiment file"):
        read_experiment(extending)


@pytest.mark.parametrize("name", ["x" * 300 + ".yaml", "~nosuchuser.yaml", "/etc/x.yaml"])
def test_names_that_no_file_can_have_are_refused(tmp_path, name):
    path = write_yaml(tmp_path / "own.yaml", {"extends": name})
    with pytest.raises(ExperimentError, match=r"own\.yaml: extends: expected the name of an experiment file beside"):
        read_experiment(path)


def test_a_chain_of_files_has_an_end(tmp_path):
    for number in range(1000):
        (tmp_path / f"c{number}.yaml").write_text(f"extends: c{number + 1}.yaml\n")
    with pytest.raises(ExperimentError, match=r"c0\.yaml: extends: expected a chain of at most 20 files"):
        read_experiment(tmp_path / "c0.yaml")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_text_is_read_in_the_encodings_that_editors_write(tmp_path, encoding):
    path = tmp_path / "mine.yaml"
    path.write_text(TINY.read_text(encoding="utf-8"), encoding=encoding)
    assert load_experiment(path) == load_experiment(TINY)


def test_anchors_and_merge_keys_of_good_files_are_read(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("a: &a {x: 1, y: !!str 2}\nb: {<<: *a, x: 3}\nc: [*a, *a]\n")
    a = {"x": 1, "y": "2"}
    assert read_yaml(path) == {"a": a, "b": {"x": 3, "y": "2"}, "c": [a, a]}
    assert read_yaml(QUICKSTART) == read_trusted(QUICKSTART)
