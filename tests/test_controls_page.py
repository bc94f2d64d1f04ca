"""docs/controls.md: its command renders the quickstart's controls, and says which pairs are signal."""

from pathlib import Path

import pandas as pd
import pytest

from scripts import controls

PAGE = (Path(__file__).resolve().parent.parent / "docs" / "controls.md").read_text(encoding="utf-8")
READINGS = {
    "signal": {"stir_low": 0.4, "stir_high": 0.5, "not_above_null": 0},
    "robustness": {"stir_low": 0.2, "stir_high": 0.5, "not_above_null": 1},
    "sensitive": {"stir_low": 0.1, "stir_high": 0.2, "not_above_null": 0},
    "floor": {"stir_low": 0.4, "stir_high": 0.5, "not_above_null": 2},
}


def row(reading):
    made = dict.fromkeys(controls.NUMBERS, 0.3) | {
        "n_model_pairs": 2,
        "reference_layer": "penultimate",
        "similarity_measure": "linear_cka",
    }
    return made | {"reference_group": "digits-m1", "target_group": f"digits-{reading}"} | READINGS[reading]


@pytest.mark.parametrize("reading", READINGS)
def test_a_row_is_read_by_its_null_and_by_where_the_noise_lies(reading):
    assert controls.reading_of(pd.Series(row(reading))) == reading


def test_the_block_has_a_row_per_pair_and_a_line_per_reading():
    block = controls.render(pd.DataFrame([row(reading) for reading in READINGS]))
    for reading in READINGS:
        assert f"| {reading} given m1 | 0.300 |" in block
        assert f"1 of 4, with the excess: {reading} given m1 (0.300)." in block
    assert controls.page_with(block).count(block) == 1


def test_tables_without_controls_are_refused_with_what_to_run():
    with pytest.raises(SystemExit, match=r"got no columns stir_low.* Run make run and make readme first"):
        controls.render(pd.DataFrame([row("signal")]).drop(columns="stir_low"))


@pytest.mark.parametrize("column", [*controls.NUMBERS, "stir_null_p_holm", "stir_calibrated"])
def test_the_page_defines_every_control(column):
    assert f"`{column.removesuffix('_mean')}`" in PAGE or column in ("stir_mean", "similarity_mean")
