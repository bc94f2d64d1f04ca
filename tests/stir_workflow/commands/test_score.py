"""`stir score` and `stir invert`: networks by address or file, images of folders, arrays, datasets; refusals in one message."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

import stir as library
from stir.data.looking import look
from stir.models import Architecture, build_model, save_model
from stir_workflow.commands.images import read_images
from tests.experiment_files import read_yaml

pytestmark = pytest.mark.filterwarnings("ignore::stir.errors.ConvergenceWarning")
QUICK = ("--tolerance", "0.5", "--max-iterations", "30", "--width", "2", "--n-images", "8")
RANDOM = ("--reference-weights", "random", "--target-weights", "random")


def test_two_networks_are_scored_on_a_folder_of_pictures(stir, own):
    result = stir("score", "resnet8", "stir:vgg6", "--images", own, *RANDOM, *QUICK)
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0].startswith("STIR ")
    drawn = [f"{name} (random weights, seed {seed})" for seed, name in enumerate(("resnet8", "stir:vgg6"))]
    assert lines[1] == f"of {drawn[1]} with respect to {drawn[0]}, 8 of 12 pictures in {own}"
    assert [line.split("  ")[1] for line in lines[2:]] == [
        *(
            "plain similarity",
            "excess over noise",
            "ceiling",
            "floor: noise",
            "floor: seed images",
            "floor: shuffled",
            "converged",
        )
    ]
    assert "X: 8 of 12 pictures" in result.stderr


def test_json_has_the_numbers_of_the_library(stir, own):
    said = json.loads(stir("score", "resnet8", "vgg6", "--images", own, *RANDOM, *QUICK, "--json").stdout)
    images = read_images(str(own), 8, None, None, 0).images
    first, second = (
        build_model(Architecture(name, 2, 1, 10), random_seed=seed).eval() for seed, name in enumerate(("resnet8", "vgg6"))
    )
    direct = library.shared_invariance(
        reference_model=first, target_model=second, images=images, tolerance=0.5, max_iterations=30, batch_size=50
    )
    assert said["stir"] == pytest.approx(direct.score, abs=1e-5)
    assert said["similarity"] == pytest.approx(direct.similarity, abs=1e-5)
    assert (said["reference_random_seed"], said["target_random_seed"]) == (0, 1)
    assert said["stir_low"] is None, "eight images are too few for an interval"
    assert len(said["each_image"]["inversion_error"]) == said["n_images"] == 8


def test_a_network_with_random_weights_is_not_compared_with_itself(stir, own):
    result = stir("score", "resnet8", "resnet8", "--images", own, *RANDOM, *QUICK, "--json")
    assert "with the same weights" not in result.stderr
    said = json.loads(result.stdout)
    assert said["stir"] < said["stir_ceiling"] - 1e-3
    assert said["similarity"] < 1 - 1e-3


def test_a_network_that_is_compared_with_itself_is_warned_of(stir, own, here):
    architecture = Architecture("resnet8", 2, 1, 3)
    save_model(here / "mine.safetensors", build_model(architecture), architecture, {})
    weights = ("--reference-weights", "mine.safetensors", "--target-weights", "mine.safetensors", "--classes", "3")
    result = stir("score", "resnet8", "stir:resnet8", "--images", own, *weights, *QUICK)
    assert result.exit_code == 0, result.output
    assert result.stderr.count("warning: resnet8 and stir:resnet8 are one network with the same weights") == 1


def test_iris_are_saved_and_no_file_is_replaced(stir, refused, own, here):
    arguments = (
        "invert",
        "resnet8",
        "--weights",
        "random",
        "--images",
        own,
        "--layer",
        "stage1",
        *QUICK,
        "--output",
        "iris.h5",
    )
    result = stir(*arguments)
    assert result.exit_code == 0, result.output
    assert "Inversion of 8 images (1 x 8 x 8)" in result.stdout
    assert library.load(here / "iris.h5").iri_images.shape == (8, 1, 8, 8)
    before = (here / "iris.h5").read_bytes()
    assert "iris.h5 exists" in refused(*arguments)
    assert (here / "iris.h5").read_bytes() == before
    assert "there is none. Make it first" in refused(*arguments[:-1], "no/iris.h5")


def test_a_checkpoint_of_this_project_and_a_python_file_are_networks(stir, own, here):
    architecture = Architecture("resnet8", 2, 1, 3)
    save_model(here / "mine.safetensors", build_model(architecture, random_seed=1), architecture, {})
    (here / "nets.py").write_text(
        "from torch import nn\ndef net(channels=3):\n"
        "    return nn.Sequential(nn.Conv2d(channels, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 5))\n"
    )
    arguments = ("mine.safetensors", "nets.py:net", "--images", own, "--target-weights", "random", *QUICK, "--json")
    result = stir("score", *arguments)
    assert result.exit_code == 0, result.output
    taken = stir("score", "resnet8", "nets.py:net", *arguments[2:], "--reference-weights", "mine.safetensors", "--classes", "3")
    assert taken.exit_code == 0, taken.output
    same = [json.loads(each.stdout)["stir_ceiling"] for each in (result, taken)]
    assert same[0] == pytest.approx(same[1])


def test_arrays_and_datasets_are_read_as_numbers_from_black_to_white(here):
    generator = np.random.default_rng(0)
    grey = generator.integers(0, 256, (9, 8, 8), dtype=np.uint8)
    np.save("grey.npy", grey)
    np.savez("colour.npz", images=generator.random((9, 8, 8, 3)), labels=np.arange(9))
    assert read_images("grey.npy", 9, None, None, 0).images.equal(torch.from_numpy(grey[:, None]).float() / 255)
    colour = read_images("colour.npz", 5, None, None, 0)
    assert colour.shape == (3, 8, 8)
    assert colour.labels is not None
    assert len(set(colour.labels.tolist())) == 5
    assert read_images("digits", 6, None, None, 0).images.shape == (6, 1, 8, 8)


@pytest.mark.parametrize("name", ["digits", "photographs"])
def test_a_folder_here_comes_before_the_dataset_of_its_name(stir, own, name, here):
    own.rename(here / name)
    result = stir("score", "resnet8", "vgg6", "--images", name, *RANDOM, *QUICK)
    assert result.exit_code == 0, result.output
    assert f"Images: the folder ./{name} here, not the dataset {name}" in result.stderr
    assert f"8 of 12 pictures in {name}" in result.stdout
    assert stir("init", "mine.yaml", "--images", name, "--model", "resnet8").exit_code == 0
    assert read_yaml("mine.yaml")["dataset"]["path"] == name


def test_pictures_of_several_sizes_are_resized_on_demand(refused, own):
    Image.new("RGB", (20, 10), (255, 0, 0)).save(own / "a" / "wide.png")
    assert "Expected pictures of one size" in refused("score", "resnet8", "vgg6", "--images", own, *RANDOM)
    assert read_images(str(own), 13, "16", None, 0).shape == (3, 16, 16)
    assert read_images(str(own), 13, "16x12", "1", 0).shape == (1, 16, 12)


def test_several_bad_files_are_named_at_once(refused, own):
    for name in ("x.png", "y.png"):
        (own / "a" / name).write_text("no picture")
    said = refused("score", "resnet8", "vgg6", "--images", own, *RANDOM)
    assert "x.png" in said
    assert "y.png" in said
    assert len(said.splitlines()) == 2
    assert look(own).n_images == 12


BAD = [
    (("resnet8", "vgg6", "--images", "nowhere"), "Expected a file, a folder or a dataset as --images; got 'nowhere'"),
    (("resnet8", "vgg6", "--images", "empty"), "Expected image files"),
    (("resnet8", "vgg6", "--images", "notes.txt"), "there is a file with another suffix"),
    (("resnet9", "vgg6", "--images", "digits", *RANDOM), "Unknown architecture 'resnet9'. Did you mean 'resnet8'"),
    (
        ("resnet8", "vgg6", "--images", "digits"),
        "Expected a checkpoint of 'resnet8', or random weights",
    ),
    (("resnet8", "nets.py:net", "--images", "digits", *RANDOM), "nets.py"),
    (("absent.safetensors", "vgg6", "--images", "digits", *RANDOM), "absent.safetensors"),
    (("resnet8", "vgg6", "--images", "digits", "--layer", "stage9", *RANDOM, *QUICK), "stage9"),
    (("resnet8", "vgg6", "--images", "digits", "--measure", "cka", *RANDOM), "Unknown similarity measure 'cka'. Did you mean"),
    (("resnet8", "vgg6", "--images", "digits", "--tolerance", "nan", *RANDOM), "tolerance"),
    (("resnet8", "vgg6", "--images", "digits", "--method", "newton", *RANDOM), "Unknown inversion method 'newton'"),
    (("resnet8", "vgg6", "--images", "digits", "--size", "0", *RANDOM), "Expected --size as a side or HEIGHTxWIDTH"),
    (("resnet8", "vgg6", "--images", "digits", "--size", "8", *RANDOM), "Expected --size and --channels with pictures"),
    (("resnet8", "vgg6", "--images", "digits", "--device", "cuda", *RANDOM), "Expected a GPU"),
    (("torchvision:resnet18", "vgg6", "--images", "digits", *RANDOM), "Expected images of 3 channels"),
    (("resnet8", "vgg6"), "Missing option '--images'"),
    (("resnet8",), "Missing argument 'TARGET'"),
]


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
@pytest.mark.parametrize(("arguments", "message"), BAD, ids=[" ".join(arguments) for arguments, _ in BAD])
def test_what_cannot_be_scored_is_refused_in_one_message(refused, here, arguments, message):
    (here / "empty").mkdir()
    (here / "notes.txt").write_text("mine")
    said = refused("score", *arguments)
    assert message in said
    assert said.count("error: ") + said.count("Error: ") == 1
