"""The error curve of an inversion holds each image's best error after so many evaluations."""

import h5py
import pytest
import torch

from stir import load
from stir.inversion import invert
from stir.inversion.curve import curve_evaluations
from stir.inversion.problem import InversionProblem

SETTINGS = {"random_seed": 0, "tolerance": 1e-6, "max_iterations": 14}
WAYS = {
    "lbfgs": {},
    "normalised_gradient": {"method": "normalised_gradient"},
    "refilled": {"batch_size": 3, "tolerance": 0.2},
}
pytestmark = pytest.mark.filterwarnings("ignore::stir.errors.ConvergenceWarning")


def test_it_is_taken_at_counts_that_are_spaced_logarithmically_and_at_the_end():
    assert curve_evaluations(60) == [1, 2, 3, 5, 7, 10, 20, 30, 50, 60]
    assert curve_evaluations(50) == [1, 2, 3, 5, 7, 10, 20, 30, 50]
    assert curve_evaluations(1) == [1]


@pytest.mark.parametrize("way", WAYS)
def test_it_is_the_least_error_of_the_evaluations_so_far(monkeypatch, small_net, images, way):
    evaluate, seen = InversionProblem.errors_and_gradients, [[] for _ in images]
    found = invert(small_net, images, **SETTINGS | WAYS[way])
    with torch.no_grad():
        targets = small_net.eval()[:-1](images)

    def recording(self, pictures, of_targets):
        errors, gradients = evaluate(self, pictures, of_targets)
        for target, error in zip(of_targets, errors, strict=True):
            seen[int((targets - target).norm(dim=1).argmin())].append(error.item())
        return errors, gradients

    monkeypatch.setattr(InversionProblem, "errors_and_gradients", recording)
    assert invert(small_net, images, **SETTINGS | WAYS[way]) == found
    assert found.curve_evaluations[-1] >= found.iterations.max()
    torch.testing.assert_close(found.error_curve[:, -1], found.inversion_error, rtol=0, atol=0)
    for row, errors in enumerate(seen):
        # The first evaluation of the first images is the check of their gradients.
        made = errors[-int(found.iterations[row]) - (way == "normalised_gradient") :]
        for column, count in enumerate(found.curve_evaluations):
            if count < found.iterations[row]:
                assert found.error_curve[row, column] == min(made[:count])


def test_of_rounded_and_of_several_models_it_ends_with_the_error(small_net, images):
    for models, ways in ((small_net, {"precision": "bfloat16"}), ([small_net, small_net], {})):
        found = invert(models, images, **SETTINGS, **ways)
        assert found.error_curve.isfinite().all()
        torch.testing.assert_close(found.error_curve[:, -1], found.inversion_error, rtol=0, atol=0)


def test_files_of_versions_without_it_are_read(tmp_path, small_net, images):
    found = invert(small_net, images, **SETTINGS)
    path = found.save(tmp_path / "inversion.h5")
    assert load(path) == found
    with h5py.File(path, "r+") as file:
        del file["error_curve"]
        file.attrs["values"] = file.attrs["values"].replace('"curve_evaluations"', '"unknown"')
    assert (load(path).error_curve, load(path).curve_evaluations) == (None, [])
