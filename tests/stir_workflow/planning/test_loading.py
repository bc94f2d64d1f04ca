"""An experiment file says what it means or is refused, with file, place and near match."""

import datetime
import re

import pytest

from stir_workflow.planning import reading
from stir_workflow.planning.loading import EXPERIMENTS, SCHEMA, ExperimentError, find_experiment, load_by_schema, load_experiment
from stir_workflow.planning.scales import OWN_KEYS
from tests.experiment_files import QUICKSTART, edited, places_of_keys, read_yaml, without


def attack(**more):
    return {"norm": "l2", "eps": 0.5, "steps": 1, "step_size": 0.5, "random_start": True, **more}


OWN_DATA = {"label": "mine", "name": "scans", "path": "scans", "format": "folder", "image_shape": [1, 8, 8], "n_classes": 10}
OF_INVERSIONS = read_yaml(SCHEMA)["properties"]["inversion"]["properties"]
MODELS = [model["name"] for model in read_yaml(QUICKSTART)["models"]]
EVERYTHING = edited(
    read_yaml(QUICKSTART),
    {
        "inversion": {key: about["default"] for key, about in OF_INVERSIONS.items() if "default" in about}
        | read_yaml(QUICKSTART)["inversion"],
        "dataset.classes": [0, 1, 2],
        "further_datasets": [
            OWN_DATA
            | {"fingerprint": "0" * 64, "n_test": 300, "random_seed": 1}
            | {"resize": 8, "crop": "center", "convert": "grey"}
        ],
        "images.datasets": ["digits", "mine"],
        "images.n_scored": 100,
        "figure_formats": ["png"],
        "sensitivity": {"tolerance": [0.2], "n_images": [50], "seed_images": ["black"], "method": [], "pooling": ["flatten"]},
        "training.1": read_yaml(QUICKSTART)["training"][1]
        | {"beta": 5.0, "schedule": "step", "precision": "bfloat16", "augmentation": "flip"}
        | {"monitor": {"n_images": 100, "attack": attack()}},
        "models.0.dataset": "mine",
        "models.0.n_train": 100,
        "width": 16,
        "evaluation": [attack(), attack(eps=1.0)],
        "layers": [
            "stage3",
            {"label": "last", "by_architecture": {"resnet8": "stage3", "vgg6": "stage3"}},
            {"label": "other", "by_model": dict.fromkeys(MODELS, "stage2"), "select": "[0]", "pooling": "global_average"},
            {"label": "early", "layer": "stage1"},
        ],
        "references": [
            {"name": "metamers", "perturbed_images": "metamers.h5"},
            {"name": "both", "models": ["a-0", "b-0"]},
            {"name": "none", "untrained": "a-0"},
        ],
        "statements": ["random_init"],
        "figures": ["heatmaps", "bars"],
    },
)
"""An experiment that says all that can be said; nothing that could be run."""
OF_CHECKPOINTS = {"checkpoint", "sha256", "normalisation", "mean", "std", "weights", "entry"}
"""Keys of models that are not trained."""
OF_ADDRESSES = {"model", "arguments", "threat_model"}
"""Keys of models of other libraries."""
NAMES = ("by_architecture.resnet8", "by_architecture.vgg6", *(f"by_model.{model}" for model in MODELS))
"""Keys that the experiment chooses."""
EVERY_PLACE = sorted(place for place in places_of_keys(EVERYTHING) if not place.endswith(NAMES))


class TestFinding:
    def test_by_name(self):
        assert find_experiment("quickstart") == EXPERIMENTS / "quickstart.yaml"

    def test_by_name_in_a_folder_of_experiments(self):
        assert find_experiment("defences") == EXPERIMENTS / "poster" / "defences.yaml"

    def test_a_name_that_two_files_have_is_refused(self, tmp_path, monkeypatch):
        for folder in ("a", "b"):
            (tmp_path / folder).mkdir()
            (tmp_path / folder / "mine.yaml").write_text("")
        monkeypatch.setattr(reading, "EXPERIMENTS", tmp_path)
        with pytest.raises(ExperimentError, match=r"Expected one experiment 'mine'; got .*a/mine\.yaml, .*b/mine\.yaml"):
            find_experiment("mine")

    def test_by_path(self, tmp_path):
        path = tmp_path / "mine.yaml"
        path.write_text("")
        assert find_experiment(str(path)) == path

    def test_a_misspelt_name_gets_its_near_match(self):
        with pytest.raises(ExperimentError, match=r"Unknown experiment 'quikstart'\. Did you mean 'quickstart'\?"):
            find_experiment("quikstart")

    @pytest.mark.parametrize("file", ["t.yaml", "t.yml", "sub/t.yaml"])
    def test_a_name_of_a_file_that_is_there_gets_its_path(self, tmp_path, monkeypatch, file):
        monkeypatch.chdir(tmp_path)
        (tmp_path / "sub").mkdir()
        (tmp_path / file).write_text("")
        name, _, _ = file.rpartition(".")
        with pytest.raises(ExperimentError, match=rf"Unknown experiment '{name}'\. Did you mean '{file}'\?"):
            find_experiment(name)

    def test_a_name_near_to_none_gets_all_and_how_to_name_a_file(self):
        with pytest.raises(ExperimentError, match=r"(?s)'quickstart'.*path/to/file\.yaml"):
            find_experiment("zzz")

    def test_an_absent_path_is_named(self, tmp_path):
        with pytest.raises(ExperimentError, match=r"absent\.yaml'; there is none"):
            find_experiment(str(tmp_path / "absent.yaml"))


@pytest.mark.parametrize("place", EVERY_PLACE)
def test_every_key_misspelt_is_refused_with_its_place_and_near_match(refusal, place):
    parents, _, key = place.rpartition(".")
    wrong = key[:-1] + "x" + key[-1]
    value = EVERYTHING
    for part in place.split("."):
        value = value[int(part)] if part.isdigit() else value[part]
    content = edited(without(EVERYTHING, place), {f"{parents}.{wrong}" if parents else wrong: value})
    lines = refusal(content)
    bracketed = re.sub(r"\.(\d+)", r"[\1]", parents) or "the file"
    (line,) = [line for line in lines if "unknown key" in line]
    assert line.startswith(f"{bracketed}: unknown key {wrong!r}.")
    assert f"{key!r}" in line.partition("Did you mean")[2]


@pytest.mark.parametrize("value", ["true", "fake"])
def test_a_key_that_has_another_name_now_is_refused_with_what_to_write(refusal, value):
    (line,) = refusal(edited(read_yaml(QUICKSTART), {"inversion.last_relu": value}))
    assert line.startswith("inversion: unknown key 'last_relu'. Write fake_last_relu: true for fake, and nothing for true")


def test_every_place_of_the_schema_was_misspelt():
    keys = {key for key in re.findall(r"[a-z_0-9]+", " ".join(EVERY_PLACE)) if not key.isdigit()}
    assert keys == {place.rpartition(".")[2] for place in schema_places()} - OF_CHECKPOINTS - OF_ADDRESSES - set(OWN_KEYS)


WRONG_TYPES = [
    ("description", 3, "expected a text; got 3"),
    ("description", "", "expected at least 1 characters; got 0"),
    ("description", datetime.date(2026, 1, 1), "expected a text"),
    ("dataset", "digits", "expected keys and values; got 'digits'"),
    ("dataset", None, "expected keys and values; got None"),
    ("dataset.n_test", "400", "expected a whole number; got '400'"),
    ("dataset.n_test", 400.5, "expected a whole number; got 400.5"),
    ("dataset.n_test", True, "expected a whole number; got True"),
    ("dataset.n_test", 0, "expected at least 1; got 0"),
    ("dataset.random_seed", -1, "expected at least 0; got -1"),
    ("images.n_images", None, "expected a whole number; got None"),
    ("training", {"name": "at"}, "expected a list"),
    ("training.0", "vanilla", "expected keys and values; got 'vanilla'"),
    ("training.0.epochs", [20], r"expected a whole number; got \[20\]"),
    ("training.0.learning_rate", "fast", "expected a number; got 'fast'"),
    ("training.0.learning_rate", 0, "expected at least 1e-12; got 0"),
    ("training.0.momentum", 1, "expected less than 1; got 1"),
    ("training.0.weight_decay", -0.1, "expected at least 0; got -0.1"),
    ("training.1.attack", None, "expected keys and values; got None"),
    ("training.1.attack.eps", False, "expected a number; got False"),
    ("training.1.attack.eps", 0, "expected at least 1e-12; got 0"),
    ("training.1.attack.steps", 7.5, "expected a whole number"),
    ("models", [], "expected at least 1 items; got 0"),
    ("models.0.name", "two words", "expected a name of letters"),
    ("models.0.name", "../up", "expected a name of letters"),
    ("models.0.width", "8", "expected a whole number"),
    ("models.0.training_seeds", 0, "expected a list; got 0"),
    ("models.0.training_seeds", [], "expected at least 1 items; got 0"),
    ("models.0.training_seeds", [0, 0], "expected different items; got .* twice"),
    ("models.0.training_seeds.1", "1", "expected a whole number"),
    ("evaluation.norm", 2, "expected a text; got 2"),
    ("layers", "stage3", "expected a list; got 'stage3'"),
    ("layers", ["stage3", "stage3"], "expected different items; got .* twice"),
    ("layers.0", 3, "expected keys and values; got 3"),
    ("layers.0", {"label": "a"}, "expected one of by_architecture, by_model and layer; got"),
    ("layers.0", {"label": "a", "layer": "b", "by_model": {"m": "c"}}, "expected one of by_architecture, by_model and layer"),
    ("layers.0", "a/b", r"expected a layer's dotted name of letters.* perhaps with a call \(:1\), or a pattern"),
    ("layers.0", {"label": "a", "layer": "b", "select": "c d"}, "expected a field or key of letters"),
    ("layers.0", {"label": "a", "by_model": {"m": {"layer": "b", "pooling": "../x"}}}, "expected a name of letters"),
    ("layers.0", {"label": "a", "by_architecture": {}}, "expected at least 1 keys; got 0"),
    ("layers.0", {"label": "a", "by_architecture": {"vgg6": 1}}, "expected keys and values; got 1"),
    ("evaluation", [], "expected at least 1 items; got 0"),
    ("evaluation", "pgd", "unknown 'pgd'. Known: 'none'"),
    ("evaluation", [{"norm": "l2", "eps": 0.5, "steps": 1}], "'step_size' is missing"),
    ("training.1.attack.random_start", 1, "expected true or false; got 1"),
    ("training.0.schedule", "steps", "unknown 'steps'. Did you mean 'step'"),
    ("training.0.augmentation", "crop", "unknown 'crop'. Did you mean 'crop_flip'"),
    ("training.0.monitor", 100, "expected keys and values; got 100"),
    ("models.0.n_train", 0, "at least 1"),
    ("images.datasets", [], "expected at least 1 items; got 0"),
    ("further_datasets", {"name": "digits"}, "expected a list"),
    ("dataset.classes", [1], "at least 2 items; got 1"),
    ("figures", "heatmaps", "expected a list; got 'heatmaps'"),
    ("inversion.random_seeds", [0, -1], "at least 0; got -1"),
    ("inversion.tolerance", "0.1", "expected a number; got '0.1'"),
    ("inversion.minimum_converged_fraction", 80, "expected at most 1; got 80"),
    ("similarity_measures", [], "expected at least 1 items; got 0"),
    ("compute.threads", 0, "expected at least 1; got 0"),
    ("compute", [1], "expected keys and values"),
]


@pytest.mark.parametrize(("place", "value", "message"), WRONG_TYPES, ids=[f"{place}={value}" for place, value, _ in WRONG_TYPES])
def test_values_of_a_wrong_type_or_size_are_refused_with_their_place(quickstart, refusal, place, value, message):
    lines = refusal(edited(quickstart, {place: value}))
    bracketed = re.sub(r"\.(\d+)", r"[\1]", place)
    assert any(line.startswith(bracketed) and re.search(message, line) for line in lines), lines


@pytest.mark.parametrize("place", ["inversion.tolerance", "training.0.learning_rate", "evaluation.eps", "evaluation.step_size"])
@pytest.mark.parametrize("text", [".nan", ".inf"])
def test_numbers_that_are_none_are_refused(quickstart, refusal, place, text):
    assert any(place.rpartition(".")[2] in line for line in refusal(edited(quickstart, {place: float(text[1:])})))


REQUIRED = [
    "description",
    "dataset",
    "dataset.name",
    "images.n_images",
    "training.0.epochs",
    "evaluation.eps",
]


@pytest.mark.parametrize("place", [*REQUIRED, "layers", "inversion.random_seeds", "similarity_measures"])
def test_a_missing_key_is_named(quickstart, refusal, place):
    assert any(f"the key {place.rpartition('.')[2]!r} is missing" in line for line in refusal(without(quickstart, place)))


def test_everything_wrong_is_said_at_once(quickstart, refusal):
    content = edited(without(quickstart, "layers"), {"dataset.n_test": "x", "inversion.tolerence": 0.1})
    assert len(refusal(content)) == 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("description: a\nlayers: []\ndescription: b\n", "line 3: .*duplicate key"),
        ("dataset:\n  name: digits\n  name: digits\n", "line 3: .*duplicate key"),
        ("a: [1\nb: 2\n", "line 2: "),
        ("a:\n\tb: 1\n", "line 2: "),
        ("a: 1\n---\nb: 2\n", "line"),
        ("a: !!python/object/apply:os.system ['true']\n", "line 1: "),
        ("", "expected keys and values; got None"),
        ("- 1\n", r"expected keys and values; got \[1\]"),
        ("1: 2\n", "expected keys of plain text; got 1"),
    ],
)
def test_text_that_is_no_experiment_is_refused(refusal, text, message):
    assert any(re.search(message, line) for line in refusal(text))


def test_bytes_that_are_no_text_are_refused(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_bytes(b"description: \xff\xfe\n")
    with pytest.raises(ExperimentError, match=r"mine\.yaml"):
        load_experiment(path)


class TestNumbers:
    @pytest.mark.parametrize("text", ["1e-3", "1E-3", "0.001", "1.0e-3"])
    def test_are_numbers_with_or_without_a_dot(self, load, text):
        quickstart = QUICKSTART.read_text(encoding="utf-8").replace("tolerance: 0.1", f"tolerance: {text}")
        assert load(quickstart)["inversion"]["tolerance"] == 0.001

    def test_with_a_fraction_are_floats_however_written(self, quickstart, load):
        loaded = load(edited(quickstart, {"evaluation.eps": 1, "training.0.weight_decay": 0}))
        assert type(loaded["evaluation"]["eps"]) is float
        assert type(loaded["training"][0]["weight_decay"]) is float

    def test_without_a_fraction_are_whole_however_written(self, quickstart, load):
        """JSON Schema takes 20.0 for an integer; as a key, and as a count, it is another thing than 20."""
        loaded = load(edited(quickstart, {"training.0.epochs": 20.0, "models.0.training_seeds": [0.0]}))
        assert type(loaded["training"][0]["epochs"]) is int
        assert type(loaded["models"][0]["training_seeds"][0]) is int


def schema_places():
    """Yield (dotted place -> description and default) of every property."""
    schema = read_yaml(SCHEMA)

    def walk(part, parents):
        for alternative in {"then", "else"} & set(part):
            yield from walk(part[alternative], parents)
        part = {**schema["$defs"][part["$ref"].rsplit("/", 1)[1]], **part} if "$ref" in part else part
        for key, inner in part.get("properties", {}).items():
            inner = {**schema["$defs"][inner["$ref"].rsplit("/", 1)[1]], **inner} if "$ref" in inner else inner
            yield ".".join([*parents, key]), inner
            yield from walk(inner, [*parents, key])
        if "items" in part:
            yield from walk(part["items"], parents)

    return dict(walk(schema, []))


def test_every_property_of_the_schema_has_a_description():
    places = schema_places()
    assert len(places) > 40
    assert [place for place, part in places.items() if len(part.get("description", "")) < 4] == []


def test_no_object_of_the_schema_takes_unknown_keys():
    schema = read_yaml(SCHEMA)
    objects = [schema, *schema_places().values(), *(part["items"] for part in schema_places().values() if "items" in part)]
    objects = [part for part in objects if part.get("type") == "object" and "properties" in part]
    assert len(objects) >= 9
    assert all(part.get("additionalProperties") is False for part in objects)


def test_defaults_are_those_of_the_schema(quickstart, load):
    """Leave out of the quickstart all that has a default; the first of several recipes stands for all."""
    places = {
        re.sub(r"^(training|models|further_datasets|evaluation)(?=\.)", r"\1.0", place): part["default"]
        for place, part in schema_places().items()
        if "default" in part
    }
    assert len(places) >= 20
    content = edited(EVERYTHING, {"training.0": EVERYTHING["training"][1]})
    with_own_defaults = ("compute", "representations", "further_datasets")
    for place in sorted(places.keys() - {"further_datasets"}, reverse=True):
        content = without(content, place) if holds(content, place) else content
    loaded = load(content, load_by_schema)
    for place in with_own_defaults:
        del places[place]
    for place, default in places.items():
        value = loaded
        for part in place.split("."):
            value = value[int(part) if part.isdigit() else part]
        assert value == default, place


def holds(content, place):
    for part in place.split("."):
        key = int(part) if part.isdigit() else part
        if not (key in content if isinstance(content, dict) else key < len(content)):
            return False
        content = content[key]
    return True


@pytest.mark.parametrize("file", [QUICKSTART, None], ids=["quickstart", "everything"])
def test_filling_in_defaults_keeps_what_the_file_says_but_for_the_folder_of_paths(file, load, tmp_path):
    content = read_yaml(file) if file else EVERYTHING

    def keeps(filled, said):
        if isinstance(said, dict):
            return all(key in filled and keeps(filled[key], value) for key, value in said.items())
        if isinstance(said, list):
            return len(filled) == len(said) and all(map(keeps, filled, said))
        return filled == said or filled == f"{tmp_path}/{said}"

    assert keeps(load(content, load_by_schema), content)


def test_every_key_of_the_quickstart_has_a_comment_above_its_first_occurrence():
    lines = QUICKSTART.read_text(encoding="utf-8").splitlines()
    seen = set()
    for above, line in zip(["", *lines], lines, strict=False):
        found = re.match(r"\s*(?:- )?([a-z_0-9]+):", line)
        if found and found[1] not in seen:
            seen.add(found[1])
            assert re.match(r"\s*# \S", above), line
    assert seen == {place.rpartition(".")[2] for place in places_of_keys(read_yaml(QUICKSTART))}


def every_part(schema):
    """Yield every part of the schema that says what type a value has."""
    if isinstance(schema, dict):
        if isinstance(schema.get("type"), str):
            yield schema
        for key, part in schema.items():
            if key != "if":
                yield from every_part(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from every_part(part)


def is_bounded(part):
    bounds = {
        "integer": {"minimum"} <= set(part) and bool({"maximum", "exclusiveMaximum"} & set(part)),
        "number": {"minimum"} <= set(part) and bool({"maximum", "exclusiveMaximum"} & set(part)),
        "string": bool({"maxLength", "enum"} & set(part)) or part.get("format") == "name",
        "array": "maxItems" in part,
        "object": "maxProperties" in part or part.get("additionalProperties") is False,
        "boolean": True,
    }
    return bounds[part["type"]]


def test_every_number_text_list_and_mapping_of_the_schema_is_bounded():
    parts = list(every_part(read_yaml(SCHEMA)))
    assert len(parts) > 80
    assert [part for part in parts if not is_bounded(part)] == []


ABSURD = [
    ("compute.threads", 100_000, "expected at most 1024; got 100000"),
    ("models.0.width", 10**30, "expected at most 1024; got 1000000000000000000000000000000"),
    ("inversion.random_seeds", [0, 2**64], "expected at most 9007199254740991; got 18446744073709551616"),
    ("models.0.training_seeds", [2**53], "expected at most 9007199254740991"),
    ("dataset.random_seed", 2**64, "expected at most 9007199254740991"),
    ("training.0.learning_rate", 1e308, r"expected at most 1000; got 1e\+308"),
    ("training.0.epochs", 10**9, "expected at most 100000"),
    ("training.0.batch_size", 10**9, "expected at most 1000000"),
    ("evaluation.steps", 10**9, "expected at most 100000"),
    ("images.n_images", 10**9, "expected at most 1000000"),
    ("inversion.random_seeds", list(range(5000)), "expected at most 1000 items; got 5,000"),
    ("similarity_measures", ["linear_cka"] * 5000, "expected at most 100 items; got 5,000"),
    ("inversion.max_iterations", int("9" * 1900), r"expected at most 10000000; got 9+\.\.\. \(1900 characters\)"),
    ("evaluation.eps", "8/255", r"expected a number; got '8/255'\. Write 0\.03137"),
    ("models.0", 0, "expected keys and values; got 0"),
    ("scales", {"small": {"scales": {}}}, "scales.small.scales: a scale has no scales of its own"),
    ("scales", {"small": {"extends": "base.yaml"}}, "scales.small.extends: a scale has no extends of its own"),
    ("scales", {"small": {"scale": "small"}}, "scales.small.scale: a scale has no scale of its own"),
]


@pytest.mark.parametrize(("place", "value", "message"), ABSURD, ids=[f"{place}-{n}" for n, (place, *_) in enumerate(ABSURD)])
def test_absurd_values_are_refused_with_their_place(quickstart, refusal, place, value, message):
    lines = refusal(edited(quickstart, {place: value}))
    assert any(re.search(message, line) and len(line) < 300 for line in lines), lines


def test_of_very_many_problems_the_first_are_listed(quickstart, refusal):
    lines = refusal(quickstart | {f"key{number}": 1 for number in range(1000)})
    assert len(lines) == 21
    assert "more problems than these 20" in lines[-1]


def test_a_long_key_is_blamed_in_no_time(quickstart, refusal):
    layer = {"label": "early", "by_architecture": {"a" * 60 + "A": 1}}
    (line,) = refusal(edited(quickstart, {"layers": [layer]}))
    assert line.endswith("expected keys and values; got 1")


def test_a_negative_zero_is_zero(quickstart, load):
    assert str(load(edited(quickstart, {"training.0.weight_decay": -0.0}))["training"][0]["weight_decay"]) == "0.0"
