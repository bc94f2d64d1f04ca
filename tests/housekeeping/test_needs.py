"""What experiments need is known for every file, or the file is said to be broken."""

from housekeeping.needs import experiment_files, needs_of
from tests.experiment_files import edited, write_yaml
from tests.housekeeping.conftest import planned, write_experiment


def test_all_experiment_files_are_found_and_none_twice(project, tiny, tmp_path):
    deeper = project / "workflow" / "experiments" / "deeper"
    deeper.mkdir()
    write_yaml(deeper / "more.yml", tiny)
    mine = write_yaml(tmp_path / "mine.yaml", tiny)
    found = experiment_files([mine, project / "workflow" / "experiments" / "tiny.yaml"])
    assert [file.name for file in found] == ["more.yml", "tiny.yaml", "mine.yaml"]


def test_needs_are_what_is_planned(project, tiny, tmp_path):
    mine = write_yaml(tmp_path / "mine.yaml", edited(tiny, {"inversion.tolerance": 0.3}))
    needs = needs_of(experiment_files([mine]))
    own = set(planned(project / "workflow" / "experiments" / "tiny.yaml").paths())
    others = set(planned(mine).paths())
    assert set(needs.by_path) == own | others
    assert all(needs.by_path[path] == ["tiny", str(mine)] for path in own & others)
    assert all(needs.by_path[path] == [str(mine)] for path in others - own)
    assert needs.broken == []


def test_every_kind_of_broken_file_is_named(project, tiny):
    (project / "workflow" / "experiments" / "a.yaml").write_text("{")
    write_experiment(project, "b", {**tiny, "colour": "red"})
    write_experiment(project, "c", edited(tiny, {"models.0.training": "vanila"}))
    write_experiment(project, "d", edited(tiny, {"layers": ["penultimat"]}))
    (project / "workflow" / "experiments" / "e.yaml").symlink_to("nowhere")
    needs = needs_of(experiment_files())
    assert len(needs.broken) == 5
    for name, problem in zip("abcde", needs.broken, strict=True):
        assert f"workflow/experiments/{name}.yaml" in problem
    assert {name for names in needs.by_path.values() for name in names} == {"tiny"}


def test_weights_that_lie_elsewhere_break_nothing(project, tiny):
    """What an experiment needs follows from their SHA-256."""
    model = {"name": "taken", "architecture": "resnet8", "width": 2, "checkpoint": "elsewhere.safetensors", "sha256": "0" * 64}
    write_experiment(project, "taken", edited(tiny, {"models": [model]}))
    needs = needs_of(experiment_files())
    assert needs.broken == []
    assert any("taken" in names for names in needs.by_path.values())
