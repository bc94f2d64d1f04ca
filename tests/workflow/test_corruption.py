"""Any change of cached files is detected by the next run; the files are moved to quarantine and made again bit for bit."""

from collections import Counter

import numpy as np
import pytest

from stir_workflow.store.artifacts import checked
from tests.workflow.corruption import KINDS, corrupt, corrupt_some, groups, noticed, set_aside
from tests.workflow.snakemake import contents, planned, snakemake

AT_ONCE = 10


ONE_OF_EACH = {
    # stage: kind of damage, and file of an artifact: itself, its seal, or the first that it represents
    "dataset": ("truncated", 0),
    "checkpoint": ("bit flipped", 0),
    "evaluation": ("emptied", 0),
    "iri": ("bit flipped", 1),
    "inversion": ("truncated", 0),
    "pair": ("replaced with its seal", 0),
    "representation": ("bit flipped", 0),
    "score": ("seal deleted", 1),
    "table": ("bit flipped", 2),
    "figure": ("replaced", 2),
    "report": ("truncated", 2),
    "publication": ("emptied", 2),
}


def run_and_check(folder, done, before):
    """Run the workflow, and check that all that was done is noticed, and that all is as it was."""
    ran = snakemake(folder, "tiny.yaml")
    assert ran.code == 0, f"{done}\n{ran.text}"
    assert [each for each in done if not noticed(each, ran.text)] == [], ran.text
    assert [each for each in done if not set_aside(each)] == []
    after = contents(folder)
    assert after.keys() == before.keys()
    assert [name for name in before if after[name] != before[name]] == []
    assert all(checked(folder / path) for path in planned(folder).paths())


def test_one_corruption_of_each_stage_and_kind_at_once(copied):
    plan, before, generator = planned(copied), contents(copied), np.random.default_rng(0)
    by_artifact = {group.artifact: group for group in groups(copied)}
    victims = {stage: by_artifact[copied / plan.stage_paths(stage)[0]] for stage in ONE_OF_EACH}
    spared = [group for group in by_artifact.values() if group not in victims.values()]
    done = [
        corrupt(victims[stage], victims[stage].members[member], spared, kind, generator)
        for stage, (kind, member) in ONE_OF_EACH.items()
    ]
    assert {each.kind for each in done} == set(KINDS)
    run_and_check(copied, done, before)


@pytest.mark.long
def test_200_random_corruptions(copied, capsys):
    random_seed, number = 5, 200
    generator, before, done = np.random.default_rng(random_seed), contents(copied), []
    while len(done) < number:
        done += (some := corrupt_some(copied, min(AT_ONCE, number - len(done)), generator))
        run_and_check(copied, some, before)
        with capsys.disabled():
            print(f"\n{len(done)} corruptions, {len(done)} noticed, {len(done)} remade bit for bit", end="", flush=True)
    kinds = ", ".join(f"{count} {kind}" for kind, count in Counter(each.kind for each in done).items())
    suffixes = ", ".join(f"{count} {suffix}" for suffix, count in Counter(each.file.suffix for each in done).items())
    with capsys.disabled():
        print(f" (random seed {random_seed}: {kinds}; {suffixes})")
    assert len(done) == number
