"""The stages give the recorded numbers, or have a new version.

Keys depend on a stage's version, so a cached artifact is assumed to equal the stage's present output.
A stage with different output and the same version would mix old and new results.
"""

import json

import pytest

from tests.regression.record import GOLDEN, measure
from tests.regression.record import STAGES as RECORDED_STAGES

# On one processor the numbers are the same to the last digit. Between x86 processors of
# different vector units they were seen to differ by 5e-5 relative and 2e-5 absolute; on one with
# AVX512 and AMX by 1.3e-3 absolute, in scores.
RTOL, ATOL = 1e-3, 2e-3
# A confidence interval over two inversion seeds multiplies differences of scores: 6.4e-3 was seen, of scores 1.2e-3.
ATOL_OF_BOUNDS = 1e-2
BOUNDS = ("_low", "_high")
RECORD = "record it again with `python -m tests.regression.record`"
STEPS = "ignore:.*did not reach inversion error:stir.errors.ConvergenceWarning"

GOLDEN_NUMBERS = json.loads(GOLDEN.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    return measure(tmp_path_factory.mktemp("golden"))


def same(ours, recorded, name=""):
    """Compare texts, counts and None exactly, and fractional numbers approximately."""
    if isinstance(recorded, list):
        alike = isinstance(ours, list) and len(ours) == len(recorded)
        return alike and all(same(*pair, name) for pair in zip(ours, recorded, strict=True))
    if isinstance(recorded, float) and isinstance(ours, float):
        return ours == pytest.approx(recorded, rel=RTOL, abs=ATOL_OF_BOUNDS if name.endswith(BOUNDS) else ATOL)
    return ours == recorded


def test_every_stage_with_numbers_is_recorded():
    assert set(GOLDEN_NUMBERS) == set(RECORDED_STAGES), RECORD
    assert all(len(part["numbers"]) >= 2 for part in GOLDEN_NUMBERS.values())


@pytest.mark.filterwarnings(STEPS)
@pytest.mark.parametrize("stage", RECORDED_STAGES)
def test_output_is_what_was_recorded_for_its_version(measured, stage):
    ours, recorded = measured[stage], GOLDEN_NUMBERS[stage]
    if ours["version"] != recorded["version"]:
        pytest.fail(f"stage {stage} has version {ours['version']}, and {recorded['version']} was recorded: {RECORD}")
    numbers = {name: (ours["numbers"].get(name), recorded["numbers"].get(name)) for name in ours["numbers"] | recorded["numbers"]}
    differ = {name: pair for name, pair in numbers.items() if not same(*pair, name)}
    if differ:
        name, (now, then) = next(iter(differ.items()))
        pytest.fail(
            f"The output of stage {stage} changed but its version did not: raise it in "
            f"workflow/stir_workflow/store/facts.py and {RECORD}, if it is meant. "
            f"{len(differ)} of {len(numbers)} entries differ; {name} is {now}, was {then}. "
            "If an earlier stage changed too, look there first."
        )


def test_a_difference_is_told_from_the_last_digits():
    assert same([0.5, None, 3], [0.5 * (1 + 1e-6), None, 3])
    assert not same([0.5], [0.51])
    assert same([0.5], [0.506], "golden.csv/stir_low")
    assert not same([0.5], [0.506], "golden.csv/stir")
    assert not same([0.5], [0.5, 0.5])
    assert not same([3], [4])
    assert not same("abc", "abd")
    assert not same(None, 0.5)
    assert not same([None], [0.5])
