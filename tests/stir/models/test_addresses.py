"""Addresses of models: who builds a network, and what an architecture is."""

from dataclasses import replace

import pytest
import torch

from stir.errors import CheckpointError, InvalidInputError
from stir.models import Architecture, addresses, build_model, check_architecture, model_code, providers, read_model, save_model
from stir.models.architecture import parse_address
from stir.models.providers import Built, Provider

SMALL = {"width": 4, "channels": 3, "classes": 5}


class _Entry:
    def __init__(self, name, provider):
        self.name, self.load = name, lambda: provider


@pytest.fixture
def registered(monkeypatch):
    """Providers of other distributions."""

    def register(*entries):
        providers._others.cache_clear()
        monkeypatch.setattr(providers, "entry_points", lambda group: entries if group == "stir.model_providers" else ())

    yield register
    providers._others.cache_clear()


@pytest.mark.parametrize(
    ("text", "prefix", "name"),
    [
        ("resnet18", "stir", "resnet18"),
        ("stir:resnet18", "stir", "resnet18"),
        ("torchvision.resnet50", "torchvision", "resnet50"),
        ("timm:hf-hub:org/name", "timm", "hf-hub:org/name"),
        ("transformers:facebook/dinov2-small", "transformers", "facebook/dinov2-small"),
        ("mypackage.models:Net", "mypackage.models", "Net"),
        ("a b/models.py:make.net", "file", "a b/models.py:make.net"),
    ],
)
def test_an_address_says_who_builds_a_network(text, prefix, name):
    address = parse_address(text)
    assert (address.prefix, address.name) == (prefix, name)


@pytest.mark.parametrize(("bare", "address"), [("resnet8", "stir:resnet8"), ("torchvision.resnet18", "torchvision:resnet18")])
def test_a_network_written_either_way_is_one_architecture(bare, address):
    assert Architecture(bare, 4, 3, 5) == Architecture(address, 4, 3, 5)
    assert Architecture(address, 4, 3, 5).to_dict() == {"name": bare, **SMALL}


def test_what_is_given_beside_the_name_is_part_of_the_architecture(tmp_path):
    plain = Architecture("timm:resnet18")
    further = {"arguments": {"stem": [1, {"a": 2}]}, "weights": "a1_in1k", "resize": [32, 48], "normalisation": "none"}
    given = replace(plain, **further)
    assert given.to_dict() == plain.to_dict() | further
    assert Architecture(**given.to_dict()) == given
    assert len({plain, given, *(replace(plain, **{key: value}) for key, value in further.items())}) == 6
    assert replace(given, folder=tmp_path) == given, "the place of a file is no part of what it is"


def test_arguments_are_kept_as_they_were_given():
    arguments = {"sizes": [1, 2]}
    architecture = Architecture("timm:resnet18", arguments=arguments)
    arguments["sizes"].append(3)
    assert architecture.arguments == {"sizes": [1, 2]}


@pytest.mark.parametrize(
    ("architecture", "message"),
    [
        (Architecture("tim:resnet18"), r"Unknown prefix of model 'tim:resnet18'.*Did you mean 'timm'"),
        (Architecture("file:resnet18"), r"Unknown prefix|Python file"),
        (Architecture("timm:resnet18", width=4), r"Expected no width for architecture 'timm:resnet18'"),
        (Architecture("timm:resnet18", resize=[224]), r"Expected resize as \[height, width\]"),
        (Architecture("timm:resnet18", resize=[224, 0]), r"Expected resize"),
        (Architecture("timm:resnet18", resize=[224, 10**9]), r"Expected resize"),
        (Architecture("timm:resnet18", resize="large"), r"Expected resize"),
        (Architecture("stir:resnet8", 4, 3, 5, arguments={"depth": 3}), r"Expected no arguments .*'resnet8'; got 'depth'"),
        (Architecture("stir:resnet8", 4, 3, 5, weights="default"), r"none are published"),
        (Architecture("stir:resnet8", 4, 3), r"Expected the number of classes"),
    ],
    ids=str,
)
def test_what_no_network_can_be_built_from_is_refused(architecture, message):
    with pytest.raises(InvalidInputError, match=message):
        build_model(architecture)


def test_a_bare_name_of_another_library_is_refused_with_its_address(monkeypatch):
    """`timm.resnet18` is not this library's resnet18."""
    listed = {"timm": ["resnet18", "resnet34"], "stir": ["resnet18"], "torchvision": ["vit_b_16"]}
    monkeypatch.setattr(addresses, "known_addresses", lambda prefix: [f"{prefix}:{name}" for name in listed.get(prefix, [])])
    for name, near in (("timm.resnet18", "timm:resnet18"), ("resnet34", "timm:resnet34"), ("timm.resnet81", "timm:resnet18")):
        assert addresses.near_addresses(name)[0] == near
    with pytest.raises(InvalidInputError, match=r"'timm\.resnet18'\. Did you mean 'timm:resnet18'"):
        check_architecture(Architecture("timm.resnet18", 4, 3, 5))
    assert addresses.near_addresses("robustbench.Carmon") == ["robustbench:Carmon"], "though it is not installed"
    assert list(addresses.matching_addresses("RESNET18")) == ["stir:resnet18", "timm:resnet18"]
    assert list(addresses.matching_addresses("timm:resnet")) == ["timm:resnet18", "timm:resnet34"]
    assert list(addresses.matching_addresses("timm:*18")) == ["timm:resnet18"]


def test_another_distribution_can_bring_a_provider(registered):
    def build(request):
        return Built(torch.nn.Conv2d(request.channels, request.arguments["width"], 1), (0.5,) * 3, (0.25,) * 3, (6, 7))

    registered(_Entry("zoo", Provider("zoo", ("torch",), build, names=lambda: ["small"])), _Entry("timm", None))
    architecture = Architecture("zoo:small", arguments={"width": 2})
    model = build_model(architecture)
    assert model(torch.rand(2, 3, 5, 5)).shape == (2, 2, 6, 7)
    torch.testing.assert_close(model.normalise.std, torch.full((3,), 0.25))
    assert model_code(architecture) == {"torch": torch.__version__.partition("+")[0]}
    assert list(addresses.matching_addresses("zoo:")) == ["zoo:small"]


def test_an_entry_point_that_leads_to_no_provider_is_refused(registered):
    registered(_Entry("zoo", "no provider"))
    with pytest.raises(InvalidInputError, match=r"entry point 'zoo' of stir\.model_providers"):
        build_model(Architecture("zoo:small"))


def test_a_library_that_is_not_installed_says_how_to_install_it(registered):
    def build(_request):
        import no_such_library  # noqa: F401

    registered(_Entry("zoo", Provider("zoo", ("zoo-dist",), build, extra="zoo")))
    with pytest.raises(InvalidInputError, match=r"Expected zoo-dist .*'zoo:small'.*pip install 'stir-workflow\[zoo\]'"):
        build_model(Architecture("zoo:small"))


def test_what_a_library_raises_is_one_line(registered):
    def build(_request):
        raise KeyError("first\nsecond")

    registered(_Entry("zoo", Provider("zoo", (), build)))
    with pytest.raises(InvalidInputError, match=r"model 'zoo:small' raised KeyError: .*Correct the arguments") as caught:
        build_model(Architecture("zoo:small"))
    assert "\n" not in str(caught.value)


def test_a_file_alone_makes_nothing_of_other_packages_be_imported(tmp_path, registered):
    """A saved model is rebuilt only as the architecture that its reader expects."""
    built = []

    def build(request):
        built.append(request)
        return Built(torch.nn.Conv2d(3, 2, 1))

    registered(_Entry("zoo", Provider("zoo", (), build)))
    architecture = Architecture("zoo:small", weights="default")
    save_model(tmp_path / "m.safetensors", build_model(architecture), architecture, {})
    built.clear()
    for trusted in (None, replace(architecture, weights=None)):
        with pytest.raises(CheckpointError, match=r"m\.safetensors says an architecture"):
            read_model(tmp_path / "m.safetensors", trusted=trusted)
    assert built == []
    read_model(tmp_path / "m.safetensors", trusted=architecture)
    assert [request.load for request in built] == [False], "the file has the weights"
