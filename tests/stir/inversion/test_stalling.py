"""An inversion that is likely to miss its tolerance says so while there are evaluations left."""

import warnings

import pytest
import torch

from stir.errors import ConvergenceWarning, StallWarning
from stir.inversion import invert
from stir.inversion.curve import ErrorCurve
from stir.inversion.descent import Rows, Stopping, fresh
from stir.inversion.stalling import StallWatch
from stir.progress import progress_of

N = 4


def _watched(error_after, *, tolerance, max_iterations=400, n_settled=0, rounded=False, rounding_ends=True, evaluations=None):
    """Let images follow an error curve; return the warnings and the evaluations after which they came."""
    curve = ErrorCurve(N + n_settled, max_iterations, torch.zeros(1))
    watch = StallWatch(curve, Stopping(tolerance, max_iterations), "a network at layer a, lbfgs")
    rows = Rows(**fresh(torch.arange(N), torch.zeros(N, 1), torch.zeros(N, 1)))
    rows.rounded.fill_(rounded)
    settled = torch.full((N + n_settled,), torch.nan)
    settled[N:] = 0.01
    found = []
    for count in range(1, (evaluations or max_iterations) + 1):
        rows.count(torch.full((N,), error_after(count)), torch.ones(N, dtype=torch.bool))
        curve.record(rows)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            watch.look(rows, lambda: settled, rounding_ends=rounding_ends)
        found += [(count, warning) for warning in caught]
    return found


def test_a_descent_that_stalls_is_reported_once_and_early_with_its_curve():
    ((count, warning),) = _watched(lambda count: max(0.4, count**-0.5), tolerance=0.1)
    assert count == 20
    assert warning.category is StallWarning
    curve = "Median error: 1 after 1, 0.707 after 2, 0.447 after 5, 0.4 after 10, 0.4 after 20 evaluations"
    for part in ("a network at layer a, lbfgs", "error 0.1 within 400", "a median of 0.4 after 20", "4 of 4", curve):
        assert part in str(warning.message)
    assert "\n" not in str(warning.message)


def test_one_that_stalls_later_is_reported_then():
    ((count, _),) = _watched(lambda count: max(0.2, count**-0.5), tolerance=0.1)
    assert 25 <= count <= 70


@pytest.mark.parametrize(
    ("error_after", "how"),
    [
        (lambda count: count**-0.5, {}),  # 0.05 after 400
        (lambda count: (1 + count / 5) ** -0.6, {}),  # becomes steeper
        (lambda count: 0.4, {"n_settled": 5}),
        (lambda count: 0.4, {"rounded": True}),
        (lambda count: 0.4, {"max_iterations": 20}),
    ],
    ids=["straight", "steeper", "most have converged", "to be verified", "at the end"],
)
def test_one_that_is_likely_to_converge_or_about_to_end_is_not_reported(error_after, how):
    assert _watched(error_after, tolerance=0.1, **how) == []


def test_one_that_is_rounded_to_the_end_or_finds_no_number_is_reported():
    assert _watched(lambda count: 0.4, tolerance=0.1, rounded=True, rounding_ends=False)
    assert _watched(lambda count: torch.nan, tolerance=0.1)


@pytest.mark.parametrize("ensemble", [False, True])
def test_the_warning_names_job_models_layers_and_method(small_net, images, ensemble):
    models, layers = ([small_net, small_net], ["0", "3"]) if ensemble else (small_net, "0")
    with progress_of("iris/lite0/0.lbfgs"), pytest.warns(ConvergenceWarning) as caught:
        invert(models, images, layer=layers, random_seed=0, tolerance=1e-9, max_iterations=25)
    (stalled,) = [warning for warning in caught if warning.category is StallWarning]
    also = " and Sequential at layer 3" if ensemble else ""
    assert f"(iris/lite0/0.lbfgs: Sequential at layer 0{also}, lbfgs)" in str(stalled.message)
    assert stalled.filename == __file__
