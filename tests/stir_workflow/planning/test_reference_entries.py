"""References beside the models: perturbed images of one's own and ensembles, refused or planned before any job."""

import os
import re

import h5py
import numpy as np
import pytest

from stir_workflow.planning.loading import ExperimentError
from stir_workflow.planning.meaning import check_meaning
from tests.experiment_files import edited
from tests.stir_workflow.planning.test_plan import changed

MODELS = ["digits-resnet8-vanilla-0", "digits-vgg6-vanilla-1"]
ENSEMBLE = {"name": "both", "models": MODELS}
METAMERS = {"name": "metamers", "perturbed_images": "metamers.npy"}
LABELS = [{"label": "late", "by_architecture": {"resnet8": "stage3", "vgg6": "stage2"}}, "penultimate"]


@pytest.fixture
def metamers(tmp_path, quickstart):
    """Write perturbed images beside the experiment's file."""

    def write(images=None, name="metamers.npy"):
        shape = (quickstart["images"]["n_images"], 1, 8, 8)
        np.save(tmp_path / name, np.full(shape, 0.5, np.float32) if images is None else images)
        return tmp_path / name

    return write


def references_of(planned, name):
    return [reference for reference in planned.references if reference.model.name == name]


class TestEnsembles:
    def test_its_iris_are_made_from_all_of_its_models_each_at_its_own_layer(self, plan):
        planned = plan({"references": [ENSEMBLE], "layers": LABELS})
        (reference,) = references_of(planned, "both")
        checkpoints = [model.checkpoint for model in planned.models if model.name in MODELS]
        for iri in reference.iris:
            assert iri.inputs["checkpoints"] == [checkpoint.path for checkpoint in checkpoints]
            assert iri.recipe.inputs["checkpoints"] == [checkpoint.key for checkpoint in checkpoints]
        assert [iri.recipe.settings["layer"] for iri in reference.iris[::2]] == ["late", "penultimate"]
        assert [iri.recipe.settings["members"] for iri in reference.iris[::2]] == [["stage3", "stage2"], ["penultimate"] * 2]
        assert len(reference.representation.parts) == len(planned.targets)
        row = {"name": "both", "checkpoint": "+".join(made.key for made in checkpoints), "layers": ["late", "penultimate"]}
        assert planned.table.recipe.settings["references"] == [row | {"random_seeds": [0, 1]}]

    def test_everything_of_the_models_alone_keeps_its_key(self, plan):
        made = changed(plan(), plan({"references": [ENSEMBLE]}))
        once = dict.fromkeys(("inversion", "representation", "score", "table", "figure", "report", "publication"), 1)
        assert made == {"iri": 4, "pair": 10, **once}


class TestPerturbedImages:
    def test_they_are_planned_by_their_content_wherever_they_lie(self, plan, metamers):
        metamers()
        one = plan({"references": [METAMERS]})
        metamers(name="copy.npy")
        other = plan({"references": [METAMERS | {"perturbed_images": "copy.npy"}]})
        metamers(np.full((300, 1, 8, 8), 0.25, np.float32))
        changed_content = plan({"references": [METAMERS]})
        keys = [[iri.key for iri in references_of(planned, "metamers")[0].iris] for planned in (one, other, changed_content)]
        assert keys[0] == keys[1]
        assert not set(keys[0]) & set(keys[2])

    def test_each_layer_has_one_set_of_them_which_is_made_from_no_model(self, plan, metamers):
        path = metamers()
        planned = plan({"references": [METAMERS], "layers": LABELS})
        (reference,) = references_of(planned, "metamers")
        assert [iri.recipe.settings["layer"] for iri in reference.iris] == ["late", "penultimate"]
        assert all(iri.source == str(path) and set(iri.inputs) == {"dataset"} for iri in reference.iris)
        assert [part.recipe.settings["target_layers"][0] for part in reference.representation.parts[::2]] == [
            *["stage3", "stage2"] * 2,
            "stage3",
        ]
        shown = [entry for entry in planned.figure.recipe.settings["iris"] if entry["model"] == "metamers"]
        assert [entry["layer"] for entry in shown] == ["late", "penultimate"]

    @pytest.mark.parametrize(
        ("images", "message"),
        [
            (
                np.full((299, 1, 8, 8), 0.5),
                r"Expected perturbed_images of .*metamers\.npy of shape \(300, 1, 8, 8\).*; got \(29",
            ),
            (np.full((300, 8, 8, 1), 0.5), r"of shape \(300, 1, 8, 8\), one image per reference image X; got \(300, 8, 8, 1\)"),
            (np.full((300, 1, 8, 8), 3.0), r"from 0 \(black\) to 1 \(white\); got 3\.0 to 3\.0"),
            (np.full((300, 1, 8, 8), np.nan), r"from 0 \(black\) to 1 \(white\); got nan to nan"),
            (np.full((300, 1, 8, 8), 9, np.uint8), r"floating-point numbers in \[0, 1\]; got uint8"),
            (np.full((300, 1, 8, 8), 0.5, object), "pickled objects, which can run code"),
        ],
        ids=["number", "shape", "range", "nan", "integers", "pickle"],
    )
    def test_others_than_one_image_per_image_of_x_are_refused_before_any_job(
        self, quickstart, refusal, metamers, images, message
    ):
        metamers(images)
        (line,) = refusal(edited(quickstart, {"references": [METAMERS]}))
        assert line.startswith("references[0].perturbed_images: ")
        assert re.search(message, line)

    def test_an_hdf5_file_and_an_archive_are_read_and_links_to_other_files_are_not(self, quickstart, load, refusal, tmp_path):
        images = np.full((300, 1, 8, 8), 0.5)
        np.savez(tmp_path / "a.npz", perturbed_images=images)
        with h5py.File(tmp_path / "a.h5", "w") as file:
            file["perturbed_images"] = images
        with h5py.File(tmp_path / "link.h5", "w") as file:
            file["perturbed_images"] = h5py.ExternalLink("a.h5", "perturbed_images")
        for name in ("a.npz", "a.h5"):
            content = edited(quickstart, {"references": [METAMERS | {"perturbed_images": name}]})
            check_meaning(load(content), tmp_path / "mine.yaml")
        (line,) = refusal(edited(quickstart, {"references": [METAMERS | {"perturbed_images": "link.h5"}]}))
        assert "is a link to nothing, or to another file" in line

    def test_a_path_that_is_no_file_is_refused_without_being_opened(self, quickstart, load, tmp_path):
        os.mkfifo(tmp_path / "pipe.npy")
        (tmp_path / "folder.npy").mkdir()
        (tmp_path / "images.txt").write_text("0.5")
        problems = {
            "absent.npy": "there is nothing",
            "pipe.npy": "there is a FIFO",
            "folder.npy": "there is a folder",
            "images.txt": r"Expected perturbed_images in a file that ends in \.h5, \.hdf5, \.npz, \.npy; got",
            "/dev/zero": "there is a device",
        }
        for name, message in problems.items():
            with pytest.raises(ExperimentError, match=rf"mine\.yaml: references\[0\]\.perturbed_images: .*{message}"):
                load(edited(quickstart, {"references": [METAMERS | {"perturbed_images": name}]}))


REFUSED = [
    ([ENSEMBLE | {"name": MODELS[0]}], rf"references\[0\]\.name: 2 models and references are named '{MODELS[0]}'"),
    ([ENSEMBLE, {"name": "both", "models": MODELS[::-1]}], r"references\[0\]\.name: 2 models and references are named 'both'"),
    ([ENSEMBLE, {"name": "again", "models": MODELS[::-1]}], r"references\[1\]: 'both' and 'again' are one reference"),
    ([METAMERS, METAMERS | {"name": "again"}], r"references\[1\]\.perturbed_images: 'metamers' and 'again' are one ref"),
    (
        [{"name": "x", "models": [MODELS[0], "digits-vgg6"]}],
        r"references\[0\]\.models: no model is named 'digits-vgg6'\. Did you mean",
    ),
    ([{"name": "x", "models": MODELS[:1]}], r"references\[0\]\.models: expected at least 2 items; got 1"),
    ([{"name": "x", "models": [MODELS[0]] * 2}], r"references\[0\]\.models: expected different items; got .* twice"),
    (
        [{"name": "x", "untrained": "digits-vgg6"}],
        r"references\[0\]\.untrained: no model is named 'digits-vgg6'\. Did you mean",
    ),
    ([{"name": "x"}], r"references\[0\]: expected one of perturbed_images, models and untrained; got \['name'\]"),
    ([ENSEMBLE | METAMERS], r"references\[0\]: expected one of perturbed_images, models and untrained"),
    ([ENSEMBLE | {"name": "../x"}], r"references\[0\]\.name: expected a name of letters"),
]


@pytest.mark.parametrize(("entries", "message"), REFUSED, ids=[message[:60] for _, message in REFUSED])
def test_references_that_cannot_be_planned_are_refused(quickstart, load, metamers, entries, message):
    metamers()
    with pytest.raises(ExperimentError, match=message):
        load(edited(quickstart, {"references": entries}))


def test_perturbed_images_of_one_of_several_datasets_are_refused(quickstart, load, metamers):
    metamers()
    half = {"label": "half", "name": "digits", "n_test": 300, "classes": [0, 1, 2, 3, 4]}
    content = edited(quickstart, {"references": [METAMERS], "further_datasets": [half], "images.datasets": ["digits", "half"]})
    with pytest.raises(ExperimentError, match=r"they belong to the images of one dataset; images\.datasets has 2"):
        load(content)
