"""The needs of every experiment file are known, or the file is reported as broken."""

from stir_workflow.cache.needs import experiment_files, needs_of
from stir_workflow.planning.loading import load_experiment
from stir_workflow.planning.plan import Plan
from tests.experiment_files import edited, write_yaml
from tests.stir_workflow.cache.conftest import planned, write_experiment


def test_all_experiment_files_are_found_and_none_twice(project, tiny, tmp_path):
    deeper = project / "workflow" / "experiments" / "deeper"
    deeper.mkdir()
    write_yaml(deeper / "more.yml", tiny)
    mine = write_yaml(tmp_path / "mine.yaml", tiny)
    found = experiment_files([mine, project / "workflow" / "experiments" / "tiny.yaml"])
    assert [file.name for file in found] == ["more.yml", "tiny.yaml", "mine.yaml"]


def test_needs_are_what_is_planned(project, tiny, tmp_path):
    (tmp_path / "my folder").mkdir()
    mine = write_yaml(tmp_path / "my folder" / "a b.yaml", edited(tiny, {"inversion.tolerance": 0.3}))
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


def test_every_scale_of_a_file_is_needed(project, tiny):
    scales = {"small": {}, "full": {"images": {"n_images": 20}}}
    path = write_experiment(project, "scaled", tiny | {"scale": "small", "scales": scales})
    needs = needs_of([path.relative_to(project)])
    small, full = (
        set(Plan(name, load_experiment(path, scale)).paths()) for name, scale in (("scaled", None), ("scaled-full", "full"))
    )
    assert set(needs.by_path) == small | full
    assert all(needs.by_path[path] == ["scaled", "scaled-full"] for path in small & full)
    assert all(needs.by_path[path] == ["scaled-full"] for path in full - small)
    assert {"scaled", "scaled-full"} <= needs.names
    assert needs.broken == []


def test_a_file_that_is_only_extended_is_no_experiment(project, tiny):
    write_experiment(project, "base", {key: value for key, value in tiny.items() if key not in ("description", "models")})
    write_experiment(project, "own", {"extends": "base.yaml", "description": "Why?", "models": tiny["models"]})
    needs = needs_of(experiment_files())
    assert needs.broken == []
    assert {name for names in needs.by_path.values() for name in names} == {"own", "tiny"}


def test_a_file_that_nothing_extends_is_broken_if_it_is_no_experiment(project, tiny):
    write_experiment(project, "base", {key: value for key, value in tiny.items() if key not in ("description", "models")})
    assert len(needs_of(experiment_files()).broken) == 1


def test_an_experiment_that_another_extends_is_needed_too_and_broken_on_its_own(project, tiny):
    write_experiment(project, "own", {"extends": "tiny.yaml", "images": {"n_images": 20}})
    needs = needs_of(experiment_files())
    assert {name for names in needs.by_path.values() for name in names} == {"own", "tiny"}
    write_experiment(project, "tiny", tiny | {"images": {"n_images": 0}})
    (problem,) = needs_of(experiment_files()).broken
    assert "tiny.yaml: images.n_images" in problem
