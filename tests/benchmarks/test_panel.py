"""`make bench-panel`: what it writes down of a descent, and that the page shows what its file holds."""

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from benchmarks import panel, panel_page
from stir.inversion import METHODS
from stir.layers import LayerSpec


def rows(method="lbfgs", reached=(5, 9, None)):
    table = pd.DataFrame({"image": range(len(reached)), "network": "vgg16", "layer": "middle", "method": method})
    for level in panel_page.LEVELS:
        table[f"evaluations_to_{level}"], table[f"distance_at_{level}"] = pd.Series(reached, dtype=float), [2.0, 4.0, np.nan]
    for mark in panel_page.MARKS:
        table[f"error_{mark}"] = 1 / mark
    return table.assign(budget=20, error=[0.1, 0.1, 0.3], seconds_per_evaluation=0.0123, threads=1, version="v")


@pytest.mark.parametrize("method", METHODS)
def test_every_method_is_recorded_until_the_last_level_or_the_last_evaluation(monkeypatch, method):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(3 * 4 * 4, 6), nn.Linear(6, 2)).eval()
    images = torch.rand(3, 3, 4, 4)
    monkeypatch.setitem(panel.NETWORKS, "tiny", panel.Entry(lambda: model, lambda n: images[:n], LayerSpec("1")))
    found = panel.measure("tiny", "middle", method, 3, 30)
    errors = found[[f"error_{mark}" for mark in panel_page.MARKS if mark <= 30]].to_numpy()
    assert (np.diff(errors, axis=1) <= 0).all()
    assert errors[:, -1] == pytest.approx(found["error"], rel=1e-4)
    assert found["error_40"].isna().all()
    for level in panel_page.LEVELS:
        reached, distances = found[f"evaluations_to_{level}"], found[f"distance_at_{level}"]
        assert (reached.notna() == (found["error"] <= level)).all()
        assert (reached.dropna() <= found["evaluations"].max()).all()
        assert (distances.notna() == reached.notna()).all()
    done = found["error"] <= min(panel_page.LEVELS)
    assert found["distance"][done].tolist() == pytest.approx(found["distance_at_0.1"][done].tolist(), rel=1e-4)


def test_an_image_that_did_not_come_there_counts_as_one_that_never_does():
    (line,) = panel_page.markdown(rows()).splitlines()[2:]
    assert "| 9 / > 20 |" in line
    assert "| 3 (2) |" in line
    assert "> 20 / > 20" in panel_page.markdown(rows(reached=(5, None, None)))


def test_a_run_replaces_its_own_rows_and_keeps_the_others(tmp_path):
    for each in (rows(), rows("normalised_gradient"), rows(reached=(1, 1, 1))):
        panel_page.keep(each, tmp_path / "panel.csv")
    kept = pd.read_csv(tmp_path / "panel.csv").groupby("method")["evaluations_to_0.1"]
    assert kept.sum().to_dict() == {"lbfgs": 3, "normalised_gradient": 14}
    assert (kept.size() == 3).all()


def test_the_page_shows_what_the_file_holds():
    page = panel_page.PAGE.read_text(encoding="utf-8")
    assert panel_page.page_with(page, panel_page.section(pd.read_csv(panel_page.PANEL))) == page
