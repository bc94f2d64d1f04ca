"""Links at paths that a run writes are replaced by files; their targets are not changed."""

import shutil

from tests.experiment_files import TINY
from tests.workflow.snakemake import planned, snakemake


def test_a_run_writes_through_no_link(tmp_path):
    shutil.copy(TINY, tmp_path / "tiny.yaml")
    mine = tmp_path / "mine.txt"
    mine.write_text("mine")
    (dataset,) = planned(tmp_path).stage_paths("dataset")
    name = dataset.removeprefix("data/datasets/").removesuffix(".h5")
    links = [tmp_path / f"{dataset}.json"]
    links += [tmp_path / "results" / f"{kind}/dataset/{name}.{end}" for kind, end in (("logs", "log"), ("benchmarks", "tsv"))]
    for link in (*links, tmp_path / ".snakemake" / "stir-verified.json"):
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(mine)
    ran = snakemake(tmp_path, "tiny.yaml", "datasets")
    assert ran.code == 0, ran.text
    assert mine.read_text() == "mine"
    assert not any(link.is_symlink() for link in links)
    assert snakemake(tmp_path, "tiny.yaml", "datasets").finished == {}
