"""Results that are kept: shown, as tables, saved and loaded again."""

import copy
import json
from dataclasses import replace

import h5py
import numpy as np
import pytest
import torch
from torch import nn

import stir
from stir.errors import InvalidInputError
from stir_workflow.store.hdf5 import write_arrays
from stir_workflow.store.identity import Recipe


@pytest.fixture(scope="module")
def inversion(digits):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 24), nn.ReLU(), nn.Linear(24, 10))
    with pytest.warns(stir.errors.ConvergenceWarning):
        return stir.invert(model, digits[0][:12], random_seed=0, max_iterations=4)


@pytest.fixture
def saved(inversion, tmp_path):
    return inversion.save(tmp_path / "iris.h5")


def test_a_result_is_equal_to_itself_and_to_what_was_saved_and_to_nothing_else(inversion, saved):
    assert inversion == copy.deepcopy(inversion) == stir.load(saved)
    error = inversion.inversion_error.clone()
    error[3] += 1e-7
    assert inversion != replace(inversion, inversion_error=error)
    assert inversion != replace(inversion, tolerance=0.2)
    assert inversion != replace(inversion, same_class=None)
    assert inversion != "an inversion"
    unknown = replace(inversion, correlation=torch.full((12,), torch.nan))
    assert unknown == copy.deepcopy(unknown) != inversion


def test_no_answer_stays_none(inversion, tmp_path):
    path = replace(inversion, same_class=None).save(tmp_path / "iris.h5")
    assert stir.load(path).same_class is None


def test_a_result_is_shown_in_a_few_lines_without_tensors(inversion):
    text = repr(inversion)
    assert len(text.splitlines()) <= 6
    assert "Inversion of 12 images (1 x 8 x 8) by lbfgs" in text
    assert f"{inversion.converged.float().mean():.0%} at tolerance {inversion.tolerance:g}" in text
    assert f"median {inversion.inversion_error.median():.3g}" in text
    assert "tensor" not in text


def test_a_notebook_shows_numbers_and_pictures(inversion):
    page = inversion._repr_html_()
    assert "IRIs of the first 8 images" in page
    assert "data:image/png;base64,iVBOR" in page
    assert f"tolerance {inversion.tolerance:g}" in page
    flat = replace(inversion, iri_images=inversion.iri_images.flatten(1), seed_images=inversion.seed_images.flatten(1))
    assert "png" not in flat._repr_html_()


def test_a_table_has_a_row_per_image(inversion):
    table = inversion.to_frame()
    assert list(table.index) == list(range(12))
    assert table["inversion_error"].to_list() == inversion.inversion_error.tolist()
    assert table["converged"].dtype == bool
    assert {"iri_images", "seed_images"}.isdisjoint(table)
    assert inversion.converged_fraction == pytest.approx(table["converged"].mean())


def test_a_file_of_the_workflow_loads(inversion, tmp_path):
    path = tmp_path / "iri.h5"
    recipe = Recipe("iri", 1, {"method": "lbfgs", "tolerance": inversion.tolerance}, {})
    write_arrays(path, inversion.arrays(), recipe, device="cpu", attributes={"curve_evaluations": inversion.curve_evaluations})
    assert stir.load(path) == replace(inversion, forward_pass="not recorded")


def test_a_file_that_exists_is_replaced_on_request_only(inversion, saved, tmp_path):
    before = saved.read_bytes()
    with pytest.raises(InvalidInputError, match="exists"):
        inversion.save(saved)
    assert saved.read_bytes() == before
    assert stir.load(replace(inversion, tolerance=0.3).save(saved, overwrite=True)).tolerance == 0.3
    with pytest.raises(InvalidInputError, match="folder"):
        inversion.save(tmp_path / "nowhere" / "iris.h5")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["iris.h5"]


def renamed(file, name):
    file.move(name, "elsewhere")


def shortened(file, name):
    values = file[name][:-1]
    del file[name]
    file[name] = values


def linked(file, name):
    del file[name]
    file[name] = h5py.ExternalLink("/etc/passwd", "x")


def unwritten(file, name):
    del file[name]
    file.create_dataset(name, (2**40,), dtype="f4", chunks=(2**20,))


def attribute(name, value):
    return lambda file, _: file.attrs.__setitem__(name, value)


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (renamed, "it has no inversion_error"),
        (shortened, "one row per image"),
        (linked, "link"),
        (unwritten, "Cannot read"),
        (attribute("stir_result_version", 99), "Install a newer stir"),
        (attribute("stir_result_version", "1"), "Install a newer stir"),
        (attribute("stir_result", "Popen"), "Expected Inversion"),
        (attribute("values", "[" * 10_000), "damaged"),
        (attribute("values", "{}"), "it has no forward_pass, method"),
        (lambda file, _: file.attrs.__delitem__("stir_result"), "it is neither"),
    ],
)
def test_damaged_files_are_refused_by_name(saved, harm, message):
    with h5py.File(saved, "r+") as file:
        harm(file, "inversion_error")
    with pytest.raises(InvalidInputError, match=message) as refused:
        stir.load(saved)
    assert "iris.h5" in str(refused.value)


@pytest.mark.parametrize("content", [b"", b"not HDF5", json.dumps({"a": 1}).encode()])
def test_other_files_are_refused_by_name(tmp_path, content):
    (tmp_path / "other.h5").write_bytes(content)
    with pytest.raises(InvalidInputError, match=r"other\.h5"):
        stir.load(tmp_path / "other.h5")
    with pytest.raises(InvalidInputError, match="there is no file"):
        stir.load(tmp_path / "none.h5")


def test_numbers_of_another_kind_do_not_become_a_result(saved):
    with h5py.File(saved, "r+") as file:
        del file["inversion_error"]
        file["inversion_error"] = np.array([b"text"] * 12)
    with pytest.raises(InvalidInputError, match=r"iris\.h5"):
        stir.load(saved)


def test_warnings_point_at_the_line_of_the_caller(digits):
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 24), nn.ReLU(), nn.Linear(24, 10))
    how = {"random_seed": 0, "max_iterations": 1}
    with pytest.warns(stir.errors.ConvergenceWarning) as direct:
        stir.invert(model, digits[0][:4], **how)
    with pytest.warns(stir.errors.ConvergenceWarning) as through_another:
        stir.shared_invariance(reference_model=model, target_model=model, images=digits[0][:4], **how)
    assert {warning.filename for warning in [*direct, *through_another]} == {__file__}
