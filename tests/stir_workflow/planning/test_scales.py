"""A file is what it says over what it extends, at a scale; whatever is wrong is said of the file that says it."""

import pytest

from stir_workflow.planning.loading import ExperimentError, load_experiment
from stir_workflow.planning.meaning import check_meaning
from stir_workflow.planning.reading import read_experiment
from stir_workflow.planning.scales import Part, merged, origin, parts_of, united
from tests.experiment_files import edited, read_yaml, without, write_yaml


class TestMerging:
    def test_mappings_are_merged_and_all_else_is_replaced(self):
        below = {"a": {"x": 1, "y": [1, 2]}, "b": 1, "c": {"x": 1}}
        above = {"a": {"y": [3], "z": 3}, "c": [1], "d": {"x": 2}}
        assert merged(below, above) == {"a": {"x": 1, "y": [3], "z": 3}, "b": 1, "c": [1], "d": {"x": 2}}

    def test_nothing_that_is_merged_is_changed(self):
        below, above = {"a": {"x": 1}}, {"a": {"y": 2}}
        merged(below, above)
        assert (below, above) == ({"a": {"x": 1}}, {"a": {"y": 2}})


@pytest.fixture
def write(tmp_path):
    """Write files beside each other; return the path of the last."""

    def write_files(**contents):
        return [write_yaml(tmp_path / f"{name}.yaml", content) for name, content in contents.items()][-1]

    return write_files


@pytest.fixture
def two(write, quickstart):
    """The quickstart in two files: recipes and scales in the base, the question in the other."""
    base = {key: value for key, value in quickstart.items() if key not in ("description", "models")}
    scales = {"small": {"images": {"n_images": 100}}, "full": {"images": {"n_images": 400}, "width": 8}}
    own = {"extends": "base.yaml", "description": quickstart["description"], "models": quickstart["models"]}

    def write_two(base_more=None, **own_more):
        return write(base=base | {"scale": "small", "scales": scales} | (base_more or {}), own=own | own_more)

    return write_two


def refusal_of(path, scale=None):
    with pytest.raises(ExperimentError) as caught:
        check_meaning(load_experiment(path, scale), path, scale=scale)
    return str(caught.value).replace(f"{path.parent}/", "")


class TestScales:
    def test_the_default_holds_where_none_is_named(self, two):
        path = two()
        assert load_experiment(path) == load_experiment(path, "small")
        assert load_experiment(path)["images"]["n_images"] == 100
        assert load_experiment(path, "full")["images"]["n_images"] == 400

    def test_each_part_overrides_those_before_it(self, two):
        """Base, its scale, the file, its scale."""
        assert load_experiment(two(images={"n_images": 50}))["images"]["n_images"] == 50
        path = two(images={"n_images": 50}, scales={"full": {"images": {"n_images": 60}}})
        assert [load_experiment(path, scale)["images"]["n_images"] for scale in ("small", "full")] == [50, 60]

    def test_the_file_says_the_default_before_the_base(self, two):
        assert load_experiment(two(scale="full"))["images"]["n_images"] == 400

    def test_all_else_is_as_in_one_file(self, two, quickstart, load):
        loaded = load_experiment(two())
        assert loaded == load(edited(quickstart, {"images.n_images": 100}))

    def test_an_unknown_one_gets_near_matches(self, two):
        with pytest.raises(ExperimentError, match=r"own\.yaml: Unknown scale 'ful'\. Did you mean 'full'\?"):
            load_experiment(two(), "ful")

    def test_a_file_without_scales_says_that_it_has_none(self, write, quickstart):
        with pytest.raises(ExperimentError, match=r"Unknown scale 'full'\. The experiment has no scales; leave it out"):
            load_experiment(write(own=quickstart), "full")

    def test_a_file_with_scales_says_which_is_the_default(self, write, quickstart):
        path = write(own=quickstart | {"scales": {"small": {}, "full": {}}})
        with pytest.raises(ExperimentError, match="expected one of the scales as the default: full, small"):
            load_experiment(path)

    def test_tables_of_another_scale_than_the_default_have_a_name_of_their_own(self, two, write, quickstart):
        file = read_experiment(two())
        assert (file.name(), file.name("small"), file.name("full")) == ("own", "own", "own-full")
        assert file.scales == ["small", "full"]
        assert read_experiment(write(alone=quickstart)).scales == [None]


WRONG_FILES = [
    ({"extends": "bas.yaml"}, "extends: expected the name of an experiment file beside this one; got 'bas.yaml'. .*'base.yaml'"),
    ({"extends": "../base.yaml"}, "extends: expected the name"),
    ({"extends": ["base.yaml"]}, "extends: expected a text"),
    ({"extends": "own.yaml"}, "extends: .*own.yaml extends itself"),
    ({"scale": 1}, "scale: expected a text; got 1"),
    ({"scales": ["small"]}, "scales: expected keys and values"),
    ({"scales": {"small": 100}}, "scales.small: expected keys and values; got 100"),
]


@pytest.mark.parametrize(("more", "message"), WRONG_FILES, ids=[str(more) for more, _ in WRONG_FILES])
def test_what_cannot_be_extended_is_refused(two, more, message):
    with pytest.raises(ExperimentError, match=rf"own\.yaml: {message}"):
        load_experiment(two(**more))


def test_files_that_extend_each_other_are_refused(write):
    path = write(a={"extends": "b.yaml"}, b={"extends": "a.yaml"})
    with pytest.raises(ExperimentError, match="extends itself, by way of"):
        load_experiment(path)


class TestBlame:
    """Errors name the file, and the place in it, that a value came from."""

    def test_of_the_schema(self, two, quickstart):
        assert "base.yaml: inversion.tolerance: expected a number" in refusal_of(
            two({"inversion": quickstart["inversion"] | {"tolerance": "x"}})
        )
        scales = {"small": {"images": {"n_images": 100, "m_images": 3}}}
        assert refusal_of(two(scales=scales)).startswith("own.yaml: scales.small.images: unknown key 'm_images'")
        assert refusal_of(two({"scales": scales})).startswith("base.yaml: scales.small.images: unknown key")

    def test_of_meaning(self, two, quickstart):
        inversion = {"inversion": quickstart["inversion"] | {"method": "lbgfs"}}
        assert refusal_of(two(inversion)).startswith("base.yaml: inversion.method: unknown 'lbgfs'")
        assert refusal_of(two(**inversion)).startswith("own.yaml: inversion.method: unknown 'lbgfs'")
        models = edited(quickstart, {"models.1.training": "vanila"})["models"]
        said = refusal_of(two(scales={"full": {"models": models}}), "full")
        assert said.startswith("own.yaml: scales.full.models[1].training: unknown recipe 'vanila'")

    def test_of_what_is_missing(self, two, quickstart, write):
        assert refusal_of(two(description=3)).startswith("own.yaml: description: expected a text")
        path = write(base=without(quickstart, "layers"), own={"extends": "base.yaml"})
        assert refusal_of(path).startswith("own.yaml: the file: the key 'layers' is missing")

    def test_the_topmost_part_that_has_a_value_is_its_origin(self, tmp_path):
        parts = [
            Part(tmp_path / "base", (), {"a": {"x": 1, "y": 1}, "b": [{"c": 1}]}),
            Part(tmp_path / "base", ("scales", "small"), {"a": {"x": 2}}),
            Part(tmp_path / "own", (), {"b": [{"d": 1}]}),
        ]
        assert united(parts) == {"a": {"x": 2, "y": 1}, "b": [{"d": 1}]}
        assert origin(parts, ("a", "x")) == parts[1]
        assert origin(parts, ("a", "y")) == parts[0]
        assert origin(parts, ("b", 0, "d")) == parts[2]
        assert origin(parts, ("b", 1)) == parts[2]
        assert origin(parts, ()) == parts[2]


def test_parts_without_a_scale_are_the_files_alone(two):
    pile = read_experiment(two()).pile
    assert [part.within for part in parts_of(pile, None)] == [(), ()]
    assert all(key not in united(parts_of(pile, "full")) for key in ("extends", "scale", "scales"))


def test_the_files_that_come_with_the_project_can_be_read_at_every_scale():
    from stir_workflow.planning.loading import EXPERIMENTS

    for path in EXPERIMENTS.rglob("*.yaml"):
        if "description" in read_yaml(path):
            for scale in read_experiment(path).scales:
                load_experiment(path, scale)
