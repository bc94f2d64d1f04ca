"""Seals and stamps of any content are accepted or refused with one exception, and are treated only as data."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stir.errors import ArtifactError
from stir.names import is_inside
from stir_workflow.store.artifacts import checked, seal_path, seal_text
from stir_workflow.store.stamps import read_stamp
from tests.stir_workflow.sealed import seal_one

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
PARTS = ("..", ".", "", "tables", "figures", "iris", "tiny-0123456789", "tiny.csv", "mine", "\0", "~", "C:", "a" * 300)
NAMES = st.lists(st.sampled_from(PARTS) | st.text(max_size=6), max_size=5).map("/".join)
SUMS = st.just("0" * 64) | JSON


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A project with a folder of tables."""
    root = tmp_path_factory.mktemp("project")
    (root / "results" / "tables").mkdir(parents=True)
    return root


@pytest.fixture(scope="module")
def sealed(root):
    """An artifact, and the text of its seal."""
    path = seal_one(root)
    return path, seal_path(path).read_text()


def refused(read, path):
    """Return whether a file is refused, on one line; any other exception fails the test."""
    try:
        read(path)
    except ArtifactError as error:
        said = str(error)
    else:
        return False
    assert len(said.splitlines()) == 1
    return True


@given(data=st.data())
def test_a_seal_with_any_value_is_whole_or_refused(data, counts, sealed):
    path, text = sealed
    seal = json.loads(text)
    where, name, value = seal, data.draw(st.sampled_from(sorted(seal)), label="name"), data.draw(JSON, label="value")
    if data.draw(st.booleans(), label="in the recipe"):
        where, name = seal["recipe"], data.draw(st.sampled_from(["stage", "version", "settings", "inputs", "more"]), label="part")
    where[name] = value
    seal_path(path).write_text(seal_text(seal))
    counts["seals", "refused: ArtifactError" if refused(checked, path) else "taken"] += 1


@given(content=st.binary(max_size=200) | JSON.map(lambda content: json.dumps(content).encode()))
def test_a_seal_that_is_any_file_is_refused(content, counts, sealed):
    path, _ = sealed
    seal_path(path).write_bytes(content)
    assert refused(checked, path)
    counts["seals", "refused: ArtifactError"] += 1


@given(content=st.dictionaries(NAMES, SUMS, max_size=3) | JSON)
def test_a_stamp_names_files_of_its_project_or_is_refused(content, counts, root):
    path = root / "results" / "tables" / "tiny-0123456789.stamp"
    path.write_text(json.dumps(content))
    if refused(read_stamp, path):
        counts["stamps", "refused: ArtifactError"] += 1
        return
    files = read_stamp(path)
    assert all(is_inside(file, root) for file in files)
    assert {file.parent for file in files} <= {path.with_suffix(""), path.parent, path.parent.with_name("figures")}
    counts["stamps", "taken"] += 1
