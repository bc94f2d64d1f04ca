"""Clones that share data/ and results/ by links, run at once: each ends with all, and nothing is made twice."""

import shutil
from concurrent.futures import ThreadPoolExecutor

from tests.experiment_files import TINY
from tests.workflow import jobs
from tests.workflow.snakemake import contents, snakemake


def test_two_clones_at_once_make_everything_once(finished, tmp_path):
    clones = [tmp_path / "first", tmp_path / "second"]
    for name in ("data", "results"):
        (tmp_path / "shared" / name).mkdir(parents=True)
    for clone in clones:
        clone.mkdir()
        shutil.copy(TINY, clone)
        for name in ("data", "results"):
            (clone / name).symlink_to(tmp_path / "shared" / name)
    with ThreadPoolExecutor() as pool:
        quick, late = sorted(pool.map(lambda clone: snakemake(clone, "tiny.yaml"), clones), key=lambda ran: not ran.finished)
    assert quick.code == late.code == 0, quick.text + late.text
    assert quick.finished == jobs.TINY
    assert late.finished == {}
    assert "Nothing to be done" in late.text
    assert contents(tmp_path / "shared") == contents(finished)
