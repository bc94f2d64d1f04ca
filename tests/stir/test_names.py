from pathlib import Path

import pytest

from stir.errors import InvalidInputError
from stir.names import NAME_LENGTH, check_inside, check_name, is_inside, is_name, shortened


@pytest.mark.parametrize("name", ["digits", "at-0", "network.layer1.0.relu", "_blocks.3", "2024", "a" * NAME_LENGTH])
def test_names_are_letters_digits_dots_underscores_and_hyphens(name):
    assert is_name(name)
    assert check_name("model", name) == name


@pytest.mark.parametrize(
    "name",
    [
        *["", ".", "..", ".hidden", "-rf", "a b", "a/b", "../x", "$(touch x)", "`x`", "a;b", "a|b", "a{b}", "'a'", '"a"', "a\\b"],
        *["a\n", "\na", "a\0", "é", "a" * (NAME_LENGTH + 1), 1, None, ["a"], True],
    ],
)
def test_anything_else_is_refused_on_one_line(name):
    assert not is_name(name)
    with pytest.raises(InvalidInputError, match="Expected the model as a name") as refused:
        check_name("model", name)
    assert "\n" not in str(refused.value)


def test_long_and_unprintable_values_are_quoted_shortly():
    own = []
    own.append(own)
    assert len(shortened("x" * 10**6)) < 120
    assert "too large" in shortened(10**5000)
    assert shortened(own) == "[[...]]"


@pytest.fixture
def project(tmp_path):
    root = tmp_path / "project"
    (root / "results" / "tables").mkdir(parents=True)
    (root / "data").mkdir()
    return root


@pytest.mark.parametrize("path", ["results/a.csv", "results/tables/a.csv", "results/new/a.csv", "data/a", "results/../data/a"])
def test_paths_inside_data_and_results_may_be_written(project, path):
    assert check_inside(Path(path), project) == Path(path)
    assert is_inside(project / path, project)


@pytest.mark.parametrize(
    "path", ["a", "results", "data/..", "results/../x", "results/../../x", "/dev/zero", "database/a", "data/a\0b/c", ""]
)
def test_no_other_path_may(project, path):
    assert not is_inside(Path(path), project)
    with pytest.raises(InvalidInputError, match="inside data/ or results/"):
        check_inside(Path(path), project)


def test_a_link_in_the_way_leads_out(project, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (project / "results" / "out").symlink_to(tmp_path / "elsewhere")
    assert not is_inside(Path("results/out/a"), project)


def test_a_link_itself_may_be_removed(project, tmp_path):
    (project / "results" / "a.h5").symlink_to(tmp_path / "cache" / "a.h5")
    assert is_inside(Path("results/a.h5"), project)


def test_results_may_be_a_link_to_a_shared_folder(tmp_path):
    (tmp_path / "group").mkdir()
    root = tmp_path / "project"
    root.mkdir()
    (root / "results").symlink_to(tmp_path / "group")
    assert is_inside(Path("results/tables/a.csv"), root)
