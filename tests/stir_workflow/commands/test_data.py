"""`stir data` says what an experiment would read, and names everything that it would refuse; `stir init` writes an experiment."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stir.data.fingerprints import fingerprint
from stir_workflow.commands.entries import dataset_of
from stir_workflow.commands.written import TRAINING
from stir_workflow.planning.loading import load_experiment
from tests.experiment_files import read_yaml


def test_data_counts_images_and_says_what_is_left_out_and_what_an_experiment_names(stir, own):
    (own / "notes.txt").write_text("mine")
    result = stir("data", own)
    assert result.exit_code == 0, result.output
    assert "12 images (format folder), channels x height x width: 12 of 1 x 8 x 8" in result.stdout
    assert [line.split() for line in result.stdout.splitlines() if line[:2] in ("a ", "b ", "c ")] == [[c, "4"] for c in "abc"]
    assert "Not read (1): notes.txt" in result.stdout
    said = json.loads(stir("data", own, "--json").stdout)
    assert said["fingerprint"] == fingerprint(own)
    assert said["train"] == {"a": 4, "b": 4, "c": 4}
    assert said["shapes"] == [{"image_shape": [1, 8, 8], "images": 12}]


def test_data_names_all_bad_files_and_exits_with_1(stir, own):
    (own / "b" / "broken.png").write_text("no picture")
    (own / "c" / "empty.jpg").touch()
    result = stir("data", own)
    assert result.exit_code == 1
    for name in ("broken.png", "empty.jpg"):
        assert name in result.stderr
    assert "n_classes" not in result.stdout


def test_pictures_of_several_sizes_and_kinds_get_settings_with_which_an_experiment_takes_them(stir, refused, own):
    Image.new("RGB", (12, 9), "red").save(own / "a" / "large.png")
    said = [line.partition("  #")[0] for line in stir("data", own).stdout.splitlines()]
    assert {"  image_shape: [3, 8, 8]", "  resize: 8", "  crop: center", "  convert: rgb"} <= set(said)
    assert stir("init", "mine.yaml", "--images", "own", "--model", "resnet8").exit_code == 0
    dataset = read_yaml("mine.yaml")["dataset"]
    assert (dataset["image_shape"], dataset["resize"], dataset["crop"], dataset["convert"]) == ([3, 8, 8], 8, "center", "rgb")
    checked = stir("check", "mine.yaml")
    assert checked.exit_code == 0, checked.output
    assert "mine: 13 images of 3 classes" in checked.stdout
    Image.new("I;16", (12, 9)).save(own / "a" / "deep.png")
    assert "no further channels; got I;16B: a/deep.png" in refused("check", "mine.yaml")


def test_training_and_test_parts_and_arrays_are_counted_apart(stir, here, own):
    for part in ("train", "test"):
        (here / "split").mkdir(exist_ok=True)
        (here / "split" / part).symlink_to(own)
    assert ["a", "4", "4"] in [line.split() for line in stir("data", "split").stdout.splitlines()]
    np.savez("mine.npz", images=np.zeros((6, 5, 4, 3), np.uint8), labels=np.arange(6) % 2)
    assert "6 of 3 x 5 x 4" in stir("data", "mine.npz").stdout


@pytest.mark.parametrize("name", ["nowhere", "empty", "notes.txt", "broken.npz", "flat.h5"])
def test_what_is_no_dataset_is_refused_in_one_line(refused, here, name):
    (here / "empty").mkdir()
    for file in ("notes.txt", "broken.npz", "flat.h5"):
        (here / file).write_text("mine")
    said = refused("data", name)
    assert said.startswith("error: ")
    assert len(said.splitlines()) == 1


def test_names_that_a_terminal_would_obey_are_escaped(stir, own):
    (own / "a").rename(own / "a\u202e")
    (own / "\u202e.txt").touch()
    said = stir("data", own).stdout
    assert "a\\u202e" in said
    assert "\\u202e.txt" in said
    assert all(line.isprintable() for line in said.splitlines())


class TestInit:
    def test_writes_a_file_that_can_be_loaded_with_everything_about_the_images_filled_in(self, stir, own, here):
        result = stir(
            "init", "mine.yaml", "--images", "own", "--model", "resnet8", "--model", "resnet8", "--model", "vgg6=random"
        )
        assert result.exit_code == 0, result.output
        assert result.stdout == "Wrote mine.yaml. Next: stir check mine.yaml\n"
        experiment = load_experiment(here / "mine.yaml")
        assert [model["name"] for model in experiment["models"]] == ["resnet8", "resnet8-2", "vgg6-random"]
        assert [model.get("training_seeds") for model in experiment["models"]] == [[0, 1], [2, 3], None]
        dataset = experiment["dataset"]
        assert (dataset["image_shape"], dataset["n_classes"], dataset["n_test"]) == ([1, 8, 8], 3, 6)
        assert dataset["fingerprint"] == fingerprint(own)
        assert (here / "mine.yaml").read_text().count("# ") > 10

    def test_names_files_of_another_folder_by_their_whole_path_and_checkpoints_by_their_digest(self, stir, own, here):
        (here / "sub").mkdir()
        Image.new("RGB", (8, 8), "red").save(own / "a" / "colour.png")
        (here / "weights.pt").write_text("weights")
        (here / "nets.py").write_text(
            "from torch import nn\ndef make(channels=3):\n"
            "    return nn.Sequential(nn.Conv2d(channels, 4, 3), nn.Flatten(), nn.Linear(144, 5))\n"
        )
        models = ("--model", "resnet8=weights.pt", "--model", "nets.py:make=random", "--model", "timm:resnet18=a1_in1k")
        result = stir("init", "sub/mine.yaml", "--images", "own", *models)
        assert result.exit_code == 0, result.output
        first, second, third = read_yaml(here / "sub" / "mine.yaml")["models"]
        assert first["checkpoint"] == str(here / "weights.pt")
        assert first["sha256"] == fingerprint(here / "weights.pt")
        assert second["model"] == f"{here / 'nets.py'}:make"
        assert third["weights"] == "a1_in1k"
        assert read_yaml(here / "sub" / "mine.yaml")["dataset"]["path"] == str(own)

    def test_random_weights_of_one_network_have_different_seeds_and_are_accepted(self, stir, own):
        models = ("--model", "resnet8=random", "--model", "vgg6=random", "--model", "stir:resnet8=random")
        assert stir("init", "mine.yaml", "--images", "own", *models).exit_code == 0
        seeds = [(model["name"], model["random_seed"]) for model in read_yaml("mine.yaml")["models"]]
        assert seeds == [("resnet8-random", 0), ("vgg6-random", 0), ("resnet8-random-2", 1)]
        checked = stir("check", "mine.yaml")
        assert checked.exit_code == 0, checked.output

    @pytest.mark.parametrize(
        ("model", "asked", "counts"),
        [
            ("resnet8=random", (), (11, 11)),
            ("resnet8=random", ("--n-images", 8), (8, 11)),
            ("resnet8", (), (6, 6)),
            ("resnet8", ("--n-images", 4), (4, 6)),
        ],
    )
    def test_holds_out_half_of_few_images_only_where_a_model_is_trained(self, stir, own, model, asked, counts):
        assert stir("init", "mine.yaml", "--images", "own", "--model", model, *asked).exit_code == 0
        written = read_yaml("mine.yaml")
        assert (written["images"]["n_images"], written["dataset"]["n_test"]) == counts

    @pytest.mark.parametrize(("model", "most"), [("resnet8", "6, half of all images"), ("resnet8=random", "11, all but one")])
    def test_refuses_more_images_than_there_are_to_hold_out(self, refused, own, model, most):
        said = refused("init", "mine.yaml", "--images", "own", "--model", model, "--n-images", "12")
        assert f"Expected --n-images of at most {most}" in said

    def test_datasets_of_the_catalogue_hold_out_what_is_asked_for(self, stir):
        arguments = ("--images", "digits", "--model", "resnet8=random", "--n-images", "1796")
        result = stir("init", "mine.yaml", *arguments)
        assert result.exit_code == 0, result.output
        assert read_yaml("mine.yaml")["dataset"] == {"name": "digits", "n_test": 1796}
        assert "n_test" not in "".join(dataset_of("cifar10", Path()).lines(0))

    def test_says_that_a_model_of_this_project_without_weights_is_trained(self, stir, own, here):
        assert stir("init", "mine.yaml", "--images", "own", "--model", "resnet8").exit_code == 0
        assert "A model of this project without weights is trained here, for 20 epochs" in (here / "mine.yaml").read_text()
        assert "for 20 epochs from each of two random seeds" in " ".join(stir("init", "--help").stdout.split())
        assert "epochs: 20\n" in TRAINING

    def test_asks_in_a_terminal_for_what_is_missing(self, stir, own, monkeypatch):
        monkeypatch.setattr("stir_workflow.commands.init._is_terminal", lambda: True)
        result = stir("init", "mine.yaml", input="own\nresnet8\n\n")
        assert result.exit_code == 0, result.output
        assert "Wrote mine.yaml" in result.stdout

    def test_asks_again_where_an_answer_is_refused(self, stir, own, here, monkeypatch):
        monkeypatch.setattr("stir_workflow.commands.init._is_terminal", lambda: True)
        result = stir("init", "mine.yaml", input="owm\nown\nresnet9=random\nresnet8=random\nvgg6=absent.pt\nvgg6=random\n\n")
        assert result.exit_code == 0, result.output
        said = [line for line in result.stderr.splitlines() if line.startswith("Error: ")]
        assert [word in line for word, line in zip(["owm", "Did you mean 'resnet8'", "absent.pt"], said, strict=True)] == [
            True
        ] * 3
        assert [model["name"] for model in read_yaml("mine.yaml")["models"]] == ["resnet8-random", "vgg6-random"]

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (("there.yaml", "--images", "digits", "--model", "resnet8"), "there.yaml exists, and is not overwritten"),
            (("link.yaml", "--images", "digits", "--model", "resnet8"), "link.yaml exists, and is not overwritten"),
            (("x.txt", "--images", "digits", "--model", "resnet8"), "ends in .yaml"),
            (("no/x.yaml", "--images", "digits", "--model", "resnet8"), "Expected a folder at no"),
            (("x-models.yaml", "--images", "digits", "--model", "resnet8"), "does not end in"),
            (("x.yaml", "--model", "resnet8"), "Expected --images; got none"),
            (("x.yaml", "--images", "digits"), "Expected --model; got none"),
            (("x.yaml", "--images", "digitz", "--model", "resnet8"), "Did you mean 'digits'"),
            (("x.yaml", "--images", "photographs", "--model", "resnet8"), "nothing can be trained on these images"),
            (("x.yaml", "--images", "digits", "--model", "resnet8=absent.pt"), "there is none at 'absent.pt'"),
            (("x.yaml", "--images", "digits", "--model", "=x"), "Expected MODEL or MODEL=WEIGHTS"),
            (
                ("x.yaml", "--images", "digits", "--model", "resnet8", "--layer", "a b"),
                "layers[0]: expected a layer",
            ),
            (("x.yaml", "--images", "digits", "--model", "resnet9=random"), "Did you mean 'resnet8'"),
            (("x.yaml", "--images", "digits", "--model", "timm:resnet19=random"), "Did you mean"),
            (("x.yaml", "--images", "digits", "--model", "resnet8", "--layer", "stage9"), "'stage9'"),
            (("x.yaml", "--images", "photographs", "--model", "timm:resnet18", "--model", "timm:resnet18"), "one model"),
            (("x.yaml", "--images", "digits", "--model", "resnet8", "--n-images", "2"), "--n-images"),
        ],
    )
    def test_refuses_in_one_message_and_leaves_every_file_as_it_was(self, refused, here, arguments, message):
        (here / "there.yaml").write_text("mine")
        (here / "link.yaml").symlink_to(here / "nowhere")
        before = sorted(here.iterdir())
        assert message in refused("init", *arguments)
        assert sorted(here.iterdir()) == before
        assert (here / "there.yaml").read_text() == "mine"

    def test_a_folder_whose_name_is_no_text_is_refused_and_no_file_is_left(self, refused, own, here):
        name = os.fsdecode(b"own\xff")
        own.rename(here / name)
        assert "paths that are text (UTF-8)" in refused("init", "x.yaml", "--images", name, "--model", "resnet8")
        assert not (here / "x.yaml").exists()
