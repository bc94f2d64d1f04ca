"""The SLURM plugin continues with the last answer of a controller that is down."""

import pytest

from stir_workflow.running import slurm


def test_an_answer_is_kept_and_none_is_asked_for_again():
    answers = iter([None, None, 300])
    ask = slurm.remembered(lambda: next(answers))
    assert [ask() for _ in range(4)] == [None, 300, 300, 300]


def test_the_plugin_has_what_is_remembered_and_uses_it_by_that_name(monkeypatch):
    plugin = pytest.importorskip(slurm.PLUGIN, reason="Snakemake's plugin for SLURM is not installed")
    answers = iter([86400, None])
    monkeypatch.setattr(plugin, slurm.ASKS, lambda: next(answers))
    slurm.remember_settings()
    assert plugin.get_min_job_age() == 86400
    assert plugin.get_min_job_age() == 86400
    assert slurm.ASKS in plugin.Executor.check_active_jobs.__code__.co_names
