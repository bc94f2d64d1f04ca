"""Whatever happens to files of the cache is noticed at the next run, set aside, and made good bit for bit."""

from collections import Counter

import numpy as np
import pytest

from stir.artifacts import checked
from tests.workflow.corruption import KINDS, corrupt_some, noticed, set_aside
from tests.workflow.snakemake import contents, planned, snakemake

AT_ONCE = 10


def corrupt_and_run(folder, number, generator, before):
    """Harm so many files, run the workflow, and check that all is as it was; return what was done."""
    done = corrupt_some(folder, number, generator)
    ran = snakemake(folder, "tiny.yaml")
    assert ran.code == 0, f"{done}\n{ran.text}"
    assert [each for each in done if not noticed(each, ran.text)] == [], ran.text
    assert [each for each in done if not set_aside(each)] == []
    after = contents(folder)
    assert after.keys() == before.keys()
    assert [name for name in before if after[name] != before[name]] == []
    assert all(checked(folder / path) for path in planned(folder).paths())
    return done


def test_one_corruption_of_every_kind_at_once(copied):
    done = corrupt_and_run(copied, len(KINDS) + 2, np.random.default_rng(0), contents(copied))
    assert {each.kind for each in done} == set(KINDS)


@pytest.mark.long
def test_200_random_corruptions(copied, capsys):
    random_seed, number = 5, 200
    generator, before, done = np.random.default_rng(random_seed), contents(copied), []
    while len(done) < number:
        done += corrupt_and_run(copied, min(AT_ONCE, number - len(done)), generator, before)
        with capsys.disabled():
            print(f"\n{len(done)} corruptions, {len(done)} noticed, {len(done)} remade bit for bit", end="", flush=True)
    kinds = ", ".join(f"{count} {kind}" for kind, count in Counter(each.kind for each in done).items())
    suffixes = ", ".join(f"{count} {suffix}" for suffix, count in Counter(each.file.suffix for each in done).items())
    with capsys.disabled():
        print(f" (random seed {random_seed}: {kinds}; {suffixes})")
    assert len(done) == number
