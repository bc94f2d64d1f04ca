"""Checkpoints as they are released: the outputs are the original model's, or a message names the remedy."""

import pytest
import torch

from stir.errors import CheckpointError
from stir.models import load_checkpoint
from tests.stir.models.released_kinds import KINDS, original, preprocessed


@pytest.fixture(scope="module")
def published():
    return original()


def _images():
    return torch.rand(3, 3, 8, 8, generator=torch.Generator().manual_seed(0))


def _features(model, images):
    return model.network.layer1(model.network.conv1(model.normalise(images)))


@pytest.mark.filterwarnings("ignore:.*(TorchScript|torch.jit).*", "ignore:Couldn't retrieve source code", "ignore:Sparse")
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: f"{kind.name}-{'-'.join(kind.arguments.values())}")
def test_a_checkpoint_gives_the_outputs_of_the_original_model_or_a_remedy(tmp_path, published, kind):
    path = kind.write(tmp_path, {name: value.clone() for name, value in published.network.state_dict().items()})
    model = preprocessed(2, (0.0,) * 3, (1.0,) * 3) if kind.carries_normalisation else preprocessed(2)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    if kind.refused is not None:
        with pytest.raises(CheckpointError, match=kind.refused) as caught:
            load_checkpoint(model, path, **kind.arguments)
        assert str(tmp_path) in str(caught.value)
        assert "\n" not in str(caught.value)
        torch.testing.assert_close(dict(model.state_dict()), before, rtol=0, atol=0)
        return
    load_checkpoint(model, path, **kind.arguments)
    images = _images()
    assert torch.equal(_features(model, images), _features(published, images))
    assert not torch.equal(model.network.fc.weight, before["network.fc.weight"])
    if "missing" in kind.arguments:
        assert model(images).isnan().all()
    else:
        assert torch.equal(model(images), published(images))


def test_forty_kinds_are_tried():
    assert len({(kind.name, *kind.arguments) for kind in KINDS}) == len(KINDS) >= 40
