"""Stage iri hands every setting of its recipe to the inversion, and refuses one that the inversion does not have."""

from contextlib import nullcontext
from dataclasses import asdict, fields
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import Mock

import h5py
import numpy as np
import pytest

from stir.digests import sha256_of
from stir.errors import ArtifactError, DatasetError, InvalidInputError
from stir.inversion import InversionSettings
from stir.layers import LayerSpec
from stir_workflow.planning.settings import FIXED_IN_INVERSIONS
from stir_workflow.stages import iri
from stir_workflow.stages.job import Job
from stir_workflow.stages.matches import read_matches, require_convergence
from stir_workflow.store.facts import STAGES
from stir_workflow.store.identity import Recipe
from tests.stir.inversion.test_settings import BEFORE, OTHER_VALUES

OF_THE_JOB = {"layer": "stage1", "random_seed": 3, "n_images": 12, "threads": 1}
OTHER = {name: value for name, value in (OTHER_VALUES | BEFORE).items() if name not in FIXED_IN_INVERSIONS}
"""Another value than the default of every setting that experiments can choose."""


@pytest.fixture
def asked_for(monkeypatch, tmp_path):
    """Return a function settings of a recipe -> arguments of `invert`."""
    invert = Mock(side_effect=InterruptedError)
    monkeypatch.setattr("stir.inversion.invert", invert)
    monkeypatch.setattr("stir_workflow.stages.iri.network_of", Mock())
    monkeypatch.setattr("stir_workflow.stages.images.opened_images", lambda *_, **__: nullcontext(("images", "labels")))

    def asked(settings, **checkpoints):
        recipe = Recipe("iri", STAGES["iri"].version, OF_THE_JOB | settings, {"checkpoint": "a" * 16, "dataset": "b" * 16})
        given = checkpoints or {"checkpoint": ["a.safetensors"]}
        inputs = {role: [tmp_path / name for name in names] for role, names in given.items()} | {"dataset": [tmp_path / "b.h5"]}
        with pytest.raises(InterruptedError):
            iri.make(Job(recipe, tmp_path / f"x-{recipe.key}.h5", inputs, "cpu"))
        return invert.call_args.kwargs

    return asked


def test_every_setting_that_an_experiment_can_choose_reaches_the_inversion(asked_for):
    assert set(OTHER) == {field.name for field in fields(InversionSettings)} - set(FIXED_IN_INVERSIONS)
    assert all(OTHER[name] != value for name, value in asdict(InversionSettings()).items() if name in OTHER)
    arguments = asked_for(OTHER)
    assert arguments["settings"] == InversionSettings(**OTHER)
    assert (arguments["layer"], arguments["random_seed"], arguments["labels"]) == (LayerSpec("stage1"), 3, "labels")


def test_selector_and_pooling_reach_the_inversion_with_the_layer(asked_for):
    arguments = asked_for(OTHER | {"select": "[0]", "pooling": "global_average"})
    assert arguments["layer"] == LayerSpec("stage1", "[0]", "global_average")


def test_a_setting_that_inversions_do_not_have_is_refused(asked_for):
    with pytest.raises(InvalidInputError, match=r"Unknown inversion setting 'last_relu'\. Did you mean 'fake_last_relu'"):
        asked_for({"last_relu": "true"})


def test_an_ensemble_is_inverted_with_all_of_its_models_each_at_its_own_layer(asked_for, monkeypatch):
    networks = {}

    def network_of(job):
        return networks.setdefault(job.one("checkpoint").name, Mock())

    monkeypatch.setattr("stir_workflow.stages.iri.network_of", network_of)
    members = ["stage1", {"layer": "stage2", "pooling": "global_average"}]
    arguments = asked_for(OTHER | {"layer": "late", "members": members}, checkpoints=["a.safetensors", "b.safetensors"])
    assert arguments["layer"] == [LayerSpec("stage1"), LayerSpec("stage2", None, "global_average")]
    assert list(networks) == ["a.safetensors", "b.safetensors"]


class TestPerturbedImages:
    IMAGES = np.random.default_rng(0).random((12, 1, 8, 8), dtype=np.float32)

    @pytest.fixture
    def taken(self, tmp_path, monkeypatch):
        """Return a function path, digest -> path of the artifact that is made of it."""
        monkeypatch.chdir(tmp_path)
        x = SimpleNamespace(shape=(12, 1, 8, 8))
        monkeypatch.setattr("stir_workflow.stages.images.opened_images", lambda *_, **__: nullcontext((x, None)))

        def take(path, sha256):
            settings = {"perturbed_images": sha256, **OF_THE_JOB}
            recipe = Recipe("iri", STAGES["iri"].version, settings, {"dataset": "b" * 10})
            output = Path(f"results/iris/perturbed/stage1.given.3-{recipe.key}.h5")
            iri.make(Job(recipe, output, {"dataset": [tmp_path / "b.h5"]}, "cpu", source=str(path)))
            return output

        return take

    def test_they_are_stored_alone_since_nothing_was_inverted(self, taken, tmp_path):
        np.save(tmp_path / "x.npy", self.IMAGES)
        made = taken(tmp_path / "x.npy", sha256_of(tmp_path / "x.npy"))
        with h5py.File(made) as file:
            assert list(file) == ["iri_images"]
            assert np.array_equal(file["iri_images"][()], self.IMAGES)
        (match,) = read_matches([made])
        assert (match["inversion_method"], match["n_images"], match["random_seed"]) == ("given", 12, 3)
        require_convergence([match], 1.0)
        assert all(np.isnan(match[name]) for name in ("tolerance", "converged_fraction", "inversion_error_median"))

    def test_a_file_that_changed_since_the_plan_is_refused(self, taken, tmp_path):
        np.save(tmp_path / "x.npy", self.IMAGES)
        with pytest.raises(ArtifactError, match=r"Expected .*x\.npy as it was when the run was planned, with SHA-256 0{64}; got"):
            taken(tmp_path / "x.npy", "0" * 64)

    def test_images_that_do_not_fit_are_refused(self, taken, tmp_path):
        np.save(tmp_path / "x.npy", self.IMAGES[:11])
        with pytest.raises(DatasetError, match=r"of shape \(12, 1, 8, 8\), one image per reference image X; got \(11, 1, 8, 8\)"):
            taken(tmp_path / "x.npy", sha256_of(tmp_path / "x.npy"))
