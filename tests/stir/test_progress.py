"""Progress shows the time left, also in log files, and costs nothing if it is off."""

import re

from stir import progress
from stir.progress import progress_bar


def run(monkeypatch, *, show=True):
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", 0)
    with progress_bar("inverting", 4, unit="image", show=show) as bar:
        for number in range(4):
            bar.set_postfix_str(f"median error {number}", refresh=False)
            bar.update()


def test_a_log_gets_whole_lines_with_the_time_left(monkeypatch, capfd):
    run(monkeypatch)
    text = capfd.readouterr().err
    assert "\r" not in text
    assert "\x1b" not in text
    lines = [line for line in text.splitlines() if line]
    assert all(line.startswith("inverting:") for line in lines)
    assert "4/4" in lines[-1]
    assert "median error 3" in lines[-1]
    assert len(re.findall(r"\d\d:\d\d", lines[-1])) == 2, "so far, and left"


def test_a_log_says_nothing_of_what_takes_a_few_seconds_and_has_no_empty_lines(monkeypatch, capfd):
    with progress_bar("inverting", 4, unit="image") as bar:
        bar.update(4)
    assert capfd.readouterr().err == ""
    run(monkeypatch)
    lines = capfd.readouterr().err.splitlines()
    assert all(lines)
    assert len(set(lines)) == len(lines)


def test_lines_are_rare(capfd):
    with progress_bar("training", 10_000, unit="epoch") as bar:
        for _ in range(10_000):
            bar.update()
    assert len(capfd.readouterr().err.splitlines()) <= 3
    assert progress.SECONDS_BETWEEN_LINES == 10


def test_nothing_is_printed_if_it_is_off(monkeypatch, capfd):
    run(monkeypatch, show=False)
    out, err = capfd.readouterr()
    assert out == err == ""
