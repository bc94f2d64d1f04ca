"""Names that must exist and numbers that must fit are checked before any job starts."""

import hashlib
import re

import pytest

from stir_workflow.planning.meaning import check_meaning
from stir_workflow.planning.models import model_names
from tests.experiment_files import QUICKSTART, edited, without

ATTACK = {"norm": "l2", "eps": 1.0, "steps": 7, "step_size": 0.36}
SHA256 = hashlib.sha256(b"").hexdigest()


def taken(**more):
    return {"name": "taken", "architecture": "resnet8", "width": 8, **more}


def test_the_quickstart_is_accepted(quickstart, load):
    check_meaning(load(quickstart), QUICKSTART)


UNKNOWN = [
    ("dataset.name", "digitz", "dataset: Unknown dataset 'digitz'. Did you mean 'digits'?"),
    ("models.2.architecture", "resnet9", r"models\[2\].architecture: unknown 'resnet9'. Did you mean 'resnet"),
    ("models.0.training", "vanila", r"models\[0\].training: unknown recipe 'vanila'. Did you mean 'vanilla'?"),
    ("layers", ["stage_3", "penultimate"], "has no layer 'stage_3'. Did you mean 'stage3'"),
    ("layers", ["penultimat"], "has no layer 'penultimat'. Did you mean 'penultimate'"),
    ("inversion.method", "lbgfs", "inversion.method: unknown 'lbgfs'. Did you mean 'lbfgs'?"),
    ("inversion.seed_images", "normal", "inversion.seed_images: unknown 'normal'. Did you mean 'normal_noise'?"),
    ("similarity_measures", ["linear_cka", "linear_ck"], "unknown 'linear_ck'. Did you mean 'linear_cka'"),
    ("training.0.objective", "vanille", "training\\[0\\].*'vanille'. Did you mean 'vanilla'?"),
    ("training.1.attack.norm", "l3", r"training\[1\].attack.*'l3'. Did you mean 'l2'"),
    ("evaluation.random_start", True, "evaluation: Expected an attack that draws nothing"),
    ("training.0.monitor.attack.random_start", True, r"training\[0\]: Expected an attack that draws nothing"),
    ("evaluation.norm", "l_inf", "evaluation.*'l_inf'. Did you mean 'linf'"),
]


@pytest.mark.parametrize(("place", "value", "message"), UNKNOWN, ids=[f"{place}={value}" for place, value, _ in UNKNOWN])
def test_unknown_names_are_refused_with_near_matches(quickstart, refusal, place, value, message):
    lines = refusal(edited(quickstart, {place: value}))
    assert re.search(message, "\n".join(lines)), lines


def test_a_joint_basis_is_for_measures_that_no_rotation_changes(quickstart, refusal, load):
    joint = edited(quickstart, {"representations.basis": "joint"})
    (line,) = refusal(joint)
    assert "similarity_measures: 'rsa_spearman' changes under rotations; set representations.basis to features" in line
    check_meaning(load(edited(joint, {"similarity_measures": ["linear_cka", "procrustes"]})), QUICKSTART)


NUMBERS = [
    ({"images.n_images": 401}, "images.n_images: expected at most the 400 test images of 'digits'; got 401"),
    ({"dataset.n_test": 1797}, "dataset.n_test: expected fewer than the 1797 images of 'digits'; got 1797"),
    ({"dataset.n_test": 5000}, "got 5000"),
]


@pytest.mark.parametrize(("changes", "message"), NUMBERS)
def test_numbers_that_do_not_fit_are_refused(quickstart, refusal, changes, message):
    assert any(message in line for line in refusal(edited(quickstart, changes)))


def test_numbers_that_just_fit_are_accepted(quickstart, load):
    check_meaning(load(edited(quickstart, {"images.n_images": 1796, "dataset.n_test": 1796})), QUICKSTART)


def test_at_without_an_attack_and_vanilla_with_one_are_refused(quickstart, refusal):
    assert any(line.startswith("training[1]") and "attack" in line for line in refusal(without(quickstart, "training.1.attack")))
    with_attack = edited(quickstart, {"training.0.attack": ATTACK})
    assert any(line.startswith("training[0]") and "attack" in line for line in refusal(with_attack))


class TestNamesOfTheirOwn:
    def test_two_models_of_one_name_are_refused(self, quickstart, refusal):
        lines = refusal(edited(quickstart, {"models.1.name": "digits-resnet8-vanilla"}))
        assert any("2 models are named 'digits-resnet8-vanilla-0'" in line for line in lines)

    def test_a_taken_model_named_as_a_trained_one_is_refused(self, quickstart, refusal, tmp_path):
        (tmp_path / "w.pt").write_bytes(b"")
        model = taken(checkpoint=str(tmp_path / "w.pt"), sha256=SHA256) | {"name": "digits-vgg6-at-1"}
        quickstart["models"].append(model)
        assert any("2 models are named 'digits-vgg6-at-1'" in line for line in refusal(quickstart))

    def test_two_recipes_of_one_name_are_refused(self, quickstart, refusal):
        lines = refusal(edited(quickstart, {"training.1.name": "vanilla"}))
        assert any("2 recipes are named 'vanilla'" in line for line in lines)

    def test_one_model_under_two_names_is_refused(self, quickstart, refusal):
        """Its scores would count twice in the tables: they are joined by the checkpoint's key."""
        quickstart["models"].append(quickstart["models"][0] | {"name": "again"})
        assert any("again-0" in line and "digits-resnet8-vanilla-0" in line for line in refusal(quickstart))

    def test_models_are_named_with_their_training_seeds(self, quickstart):
        quickstart["models"][0]["training_seeds"] = [3, 1]
        quickstart["models"].append(taken(checkpoint="x", sha256=SHA256))
        names = [name for model in quickstart["models"] for name in model_names(model)]
        assert names[:2] == ["digits-resnet8-vanilla-3", "digits-resnet8-vanilla-1"]
        assert names[-1] == "taken"


NEITHER_TRAINED_NOR_TAKEN = {
    "no sha256": taken(checkpoint="w.pt"),
    "sha256 alone": taken(sha256=SHA256),
    "both": taken(checkpoint="w.pt", sha256=SHA256, training="at", training_seeds=[0]),
    "training and sha256": taken(training="at", training_seeds=[0], sha256=SHA256),
    "training without seeds": taken(training="at"),
    "neither": taken(),
    "weights and training": taken(training="at", training_seeds=[0], weights="random", random_seed=0),
    "weights and checkpoint": taken(checkpoint="w.pt", sha256=SHA256, weights="default"),
}
OTHER_COMBINATIONS = {
    "random_seed beside weights: random": [taken(weights="random"), taken(weights="default", random_seed=0)],
    "neither normalisation nor classes": [
        taken(training="at", training_seeds=[0], **more)
        for more in ({"normalisation": "none"}, {"mean": [0.5], "std": [0.5]}, {"classes": 7})
    ],
    "either normalisation, or mean and std": [
        taken(checkpoint="w.pt", sha256=SHA256, **more)
        for more in ({"mean": [0.5]}, {"std": [0.5]}, {"mean": [0.5], "std": [0.5], "normalisation": "none"})
    ],
    "either architecture or model": [
        {"name": "x", "weights": "default"},
        {"name": "x", "weights": "default", "model": "timm:resnet18", "architecture": "resnet18"},
    ],
}


@pytest.fixture
def weights(tmp_path):
    """Write weights of a residual network as wide as the quickstart's; return what the experiment says of them."""

    def write(classes=10, wrap=lambda weights: weights):
        import torch

        from stir.models import Architecture, build_model

        path = tmp_path / f"{classes}.pt"
        torch.save(wrap(build_model(Architecture("resnet8", 8, 1, classes)).state_dict()), path)
        return {"checkpoint": str(path), "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}

    return write


class TestTakenCheckpoints:
    def test_a_file_that_fits_is_accepted(self, quickstart, load, weights):
        quickstart["models"].append(taken(**weights()))
        check_meaning(load(quickstart), QUICKSTART)

    def test_a_file_of_other_classes_is_refused(self, quickstart, refusal, weights):
        quickstart["models"].append(taken(**weights(classes=7)))
        (line,) = refusal(quickstart)
        assert re.search(r"models\[4\]\.checkpoint: .*\(10, 32\); got \(7, 32\).*classes.*'digits'", line)

    def test_a_file_for_a_dataset_of_fewer_classes_is_accepted_beside_the_others(self, quickstart, load, weights):
        some = {"label": "some", "name": "digits", "n_test": 300, "classes": list(range(7))}
        quickstart |= {"further_datasets": [some]}
        quickstart["models"].append(taken(**weights(classes=7), dataset="some"))
        check_meaning(load(quickstart), QUICKSTART)

    def test_another_file_than_was_meant_is_refused(self, quickstart, refusal, weights):
        quickstart["models"].append(taken(**weights() | {"sha256": SHA256}))
        assert any("models[4].checkpoint: Expected SHA-256" in line for line in refusal(quickstart))

    def test_a_url_is_left_to_its_job(self, quickstart, load):
        quickstart["models"].append(taken(checkpoint="https://example.org/w.pt", sha256=SHA256))
        check_meaning(load(quickstart), QUICKSTART)

    @pytest.mark.parametrize("url", ["ftp://example.org/w.pt", "S3://bucket/w.pt"])
    def test_a_url_that_cannot_be_had_is_refused(self, quickstart, refusal, url):
        quickstart["models"].append(taken(checkpoint=url, sha256=SHA256))
        message = f"models[4].checkpoint: Expected a path or a URL of http or https; got {url}"
        assert any(message in line for line in refusal(quickstart))

    def test_of_several_state_dicts_the_experiment_says_which(self, quickstart, load, refusal, weights):
        model = taken(**weights(wrap=lambda w: {"state_dict": w, "state_dict_ema": {n: v + 1 for n, v in w.items()}}))
        lines = refusal(quickstart | {"models": [*quickstart["models"], model]})
        assert any("models[4].checkpoint: " in line and "entry: state_dict or entry: state_dict_ema" in line for line in lines)
        quickstart["models"].append(model | {"entry": "state_dict_ema", "sha256": model["sha256"].upper()})
        check_meaning(load(quickstart), QUICKSTART)

    def test_a_backbone_is_taken_where_nothing_reads_its_classifier(self, quickstart, load, refusal, weights):
        model = taken(**weights(wrap=lambda w: dict(list(w.items())[:-2])))
        quickstart["models"].append(model)
        assert any("2 missing, 0 unexpected" in line for line in refusal(quickstart))
        quickstart["evaluation"] = "none"
        check_meaning(load(quickstart), QUICKSTART)
        logits = {"label": "logits", "by_architecture": dict.fromkeys(("resnet8", "vgg6"), "classifier")}
        (line,) = refusal(quickstart | {"layers": ["penultimate", logits]})
        assert "Expected weights of all that is before layer 'classifier'" in line

    def test_an_absent_file_is_named(self, quickstart, refusal):
        quickstart["models"].append(taken(checkpoint="weights/absent.pt", sha256=SHA256))
        assert any("models[4].checkpoint: " in line and "weights/absent.pt" in line for line in refusal(quickstart))

    @pytest.mark.parametrize("case", NEITHER_TRAINED_NOR_TAKEN)
    def test_a_model_is_either_trained_or_taken_with_its_hash(self, quickstart, refusal, case):
        quickstart["models"].append(NEITHER_TRAINED_NOR_TAKEN[case])
        lines = refusal(quickstart)
        assert any(line.startswith("models[4]: ") and "checkpoint and sha256" in line for line in lines), lines

    @pytest.mark.parametrize("expected", OTHER_COMBINATIONS)
    def test_keys_that_do_not_go_together_are_refused(self, quickstart, refusal, expected):
        for number, model in enumerate(OTHER_COMBINATIONS[expected]):
            quickstart["models"].append(model | {"name": f"x{number}"})
        lines = refusal(quickstart)
        assert len(lines) == len(OTHER_COMBINATIONS[expected])
        assert all(line.startswith(f"models[{number}]: expected {expected}") for number, line in enumerate(lines, start=4)), lines

    @pytest.mark.parametrize(
        ("normalisation", "message"),
        [
            ("imagnet", r"models\[4\]\.normalisation: unknown 'imagnet'\. Did you mean 'imagenet'"),
            (
                {"mean": [124, 116, 104], "std": [0.2, 0.2, 0.2]},
                r"models\[4\]\.normalisation\.mean\[0\]: expected at most 1; got 124",
            ),
            ({"mean": [0.5, 0.5, 0.5]}, r"models\[4\]\.normalisation: the key 'std' is missing"),
            (3, r"models\[4\]\.normalisation: expected "),
            ("none", r"models\[4\]\.normalisation: weights of 'resnet8' carry their own; leave it out"),
        ],
    )
    def test_a_normalisation_that_is_none_or_stands_in_the_weights_is_refused(self, quickstart, refusal, normalisation, message):
        quickstart["models"].append(taken(checkpoint="w.pt", sha256=SHA256, normalisation=normalisation))
        assert any(re.match(message, line) for line in refusal(quickstart))

    @pytest.mark.parametrize("sha256", ["", "abc", SHA256[1:], SHA256 + "0", "g" * 64, 5])
    def test_what_is_no_sha256_is_refused(self, quickstart, refusal, sha256):
        quickstart["models"].append(taken(checkpoint="w.pt", sha256=sha256))
        assert any("models[4].sha256" in line for line in refusal(quickstart))


def test_everything_wrong_is_said_at_once(quickstart, refusal):
    changes = {"dataset.n_test": 5000, "models.0.training": "x", "inversion.method": "y", "models.1.architecture": "z"}
    assert len(refusal(edited(quickstart, changes))) == 4
