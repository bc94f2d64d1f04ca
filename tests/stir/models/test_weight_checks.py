"""Which weights are a model's: tied ones, old ones, causal masks; and which numbers are not."""

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from stir.errors import CheckpointError
from stir.models import load_checkpoint


class Own(nn.Module):
    """Parameters and buffers by name; the forward pass reads those that are named ``used``."""

    def __init__(self, branch=False, **values):
        super().__init__()
        self.branch = branch
        for name, value in values.items():
            self.register_buffer(name, value) if name.startswith("buffer") else setattr(self, name, nn.Parameter(value, False))

    def forward(self, x):
        if self.branch and x.sum() > 0:
            return x
        return x * self.used


class Tied(nn.Module):
    def __init__(self, tied=True):
        super().__init__()
        self.encoder, self.decoder = nn.Embedding(5, 3), nn.Linear(3, 5, bias=False)
        if tied:
            self.decoder.weight = self.encoder.weight

    def forward(self, x):
        return self.decoder(x)


@pytest.fixture(params=["safetensors", "pt"])
def saved(request, tmp_path):
    """Save weights in either format."""

    def save(weights):
        path = tmp_path / f"weights.{request.param}"
        weights = {name: value.clone() for name, value in weights.items()}
        save_file(weights, path) if request.param == "safetensors" else torch.save(weights, path)
        return path

    return save


def refused(model, path, message):
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(CheckpointError, match=message) as caught:
        load_checkpoint(model, path)
    assert path.name in str(caught.value)
    assert "\n" not in str(caught.value)
    torch.testing.assert_close(dict(model.state_dict()), before, rtol=0, atol=0, equal_nan=True)


@pytest.mark.parametrize(("dtype", "value"), [(torch.float32, 1e300), (torch.float16, 1e5), (torch.bfloat16, -3.4e38)])
@pytest.mark.parametrize("name", ["used", "buffer"])
def test_values_that_overflow_in_the_models_type_are_refused(saved, dtype, value, name):
    model = Own(**{"used": torch.ones(2, dtype=dtype), name: torch.ones(2, dtype=dtype)})
    weights = {key: torch.ones(2, dtype=torch.float64) for key in model.state_dict()}
    weights[name][1] = value * 1.1
    refused(model, saved(weights), rf"'{name}' in .* finite as float64 and infinite as the model's {str(dtype)[6:]}")


@pytest.mark.parametrize("dtype", [torch.int64, torch.uint8, torch.bool, torch.complex64])
@pytest.mark.parametrize("name", ["used", "buffer"])
def test_other_numbers_than_floats_are_refused_for_floats(saved, dtype, name):
    model = Own(**{"used": torch.ones(2), name: torch.ones(2)})
    weights = {key: torch.zeros(2) for key in model.state_dict()} | {name: torch.ones(2, dtype=dtype)}
    refused(model, saved(weights), rf"Expected '{name}' of float32 numbers; got {str(dtype)[6:]} in ")


@pytest.mark.parametrize("value", [3.5, torch.nan, torch.inf, 1e30, 1j])
def test_numbers_that_are_not_whole_are_refused_for_counts(saved, value):
    model = nn.BatchNorm1d(2)
    weights = model.state_dict() | {"num_batches_tracked": torch.tensor(value)}
    refused(model, saved(weights), "Expected 'num_batches_tracked' of int64 numbers; got ")


def test_whole_numbers_of_another_type_are_taken_for_counts(saved):
    model = load_checkpoint(model := nn.BatchNorm1d(2), saved(model.state_dict() | {"num_batches_tracked": torch.tensor(7.0)}))
    assert model.num_batches_tracked == 7


@pytest.mark.parametrize("to", [torch.float16, torch.float64, torch.bfloat16, torch.float8_e5m2])
def test_other_precisions_are_rounded(saved, to):
    weights = {"used": torch.tensor([0.1, 2.0])}
    model = load_checkpoint(Own(used=torch.ones(2, dtype=to)), saved(weights))
    assert torch.equal(model.used.float(), weights["used"].to(to).float())


def test_batch_norm_without_its_count_is_taken(saved):
    model = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    weights = {name: torch.full_like(value, 2) for name, value in model.state_dict().items() if "num_batches" not in name}
    load_checkpoint(model, saved(weights))
    assert all(torch.equal(model.state_dict()[name], value) for name, value in weights.items())
    assert model[1].num_batches_tracked == 0
    wrapped = nn.ModuleDict({"module": nn.BatchNorm1d(2)})
    load_checkpoint(
        wrapped, saved({f"module.{name}": weights[f"1.{name}"] for name in ("weight", "bias", "running_mean", "running_var")})
    )
    assert torch.equal(wrapped["module"].weight, weights["1.weight"])


@pytest.mark.parametrize("left_out", ["encoder.weight", "decoder.weight", None])
def test_tied_parameters_may_be_named_once(saved, left_out):
    weights = {name: torch.full((5, 3), 2.0) for name in ("encoder.weight", "decoder.weight") if name != left_out}
    model = load_checkpoint(Tied(), saved(weights))
    assert model.encoder.weight is model.decoder.weight
    assert torch.equal(model.encoder.weight, torch.full((5, 3), 2.0))


def test_a_name_is_missing_where_the_model_ties_nothing(saved):
    refused(
        Tied(tied=False), saved({"encoder.weight": torch.ones(5, 3)}), r"1 missing, 0 unexpected, for example 'decoder\.weight'"
    )


def test_two_values_of_one_parameter_are_refused(saved):
    weights = {"encoder.weight": torch.ones(5, 3), "decoder.weight": torch.zeros(5, 3)}
    refused(Tied(), saved(weights), r"Expected one value of 'encoder\.weight' and 'decoder\.weight'.*; got two")


def test_a_causal_mask_may_hold_infinity(saved):
    weights = {"used": torch.ones(2), "buffer_mask": torch.full((3, 3), -torch.inf).triu(1)}
    model = load_checkpoint(Own(used=torch.ones(2), buffer_mask=torch.zeros(3, 3)), saved(weights))
    assert torch.equal(model.buffer_mask, weights["buffer_mask"])
    refused(model, saved(weights | {"used": torch.full((2,), -torch.inf)}), "'used' in .* NaN or infinity")


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_a_parameter_without_finite_values_is_refused_only_where_it_is_used(saved, value):
    bad = torch.tensor([1.0, value])
    model = load_checkpoint(Own(used=torch.ones(2), idle=torch.ones(2)), saved({"used": torch.ones(2), "idle": bad}))
    torch.testing.assert_close(model.idle.data, bad, equal_nan=True)
    refused(
        Own(used=torch.ones(2), idle=torch.ones(2)), saved({"used": bad, "idle": torch.ones(2)}), "'used' in .* NaN or infinity"
    )
    cannot_be_told = Own(branch=True, used=torch.ones(2), idle=torch.ones(2))
    refused(cannot_be_told, saved({"used": torch.ones(2), "idle": bad}), "'idle' in .* NaN or infinity")


def test_lightnings_prefix_is_dropped(saved):
    weights = {"weight": torch.full((2, 2), 2.0), "bias": torch.ones(2)}
    model = load_checkpoint(nn.Linear(2, 2), saved({f"model.{name}": value for name, value in weights.items()}))
    assert torch.equal(model.weight, weights["weight"])
    mixed = {"model.weight": weights["weight"], "bias": weights["bias"]}
    refused(nn.Linear(2, 2), saved(mixed), "1 missing, 1 unexpected, for example 'weight'")
    both = {f"{prefix}{name}": len(prefix) * value for prefix in ("model.", "model.model.") for name, value in weights.items()}
    refused(nn.ModuleDict({"model": nn.Linear(2, 2)}), saved(both), "holds 2 sets of weights that fit")


@pytest.mark.parametrize("context", [torch.no_grad, torch.inference_mode, lambda: torch.device("meta")])
def test_it_loads_wherever_it_is_called(saved, context):
    path = saved(nn.Linear(2, 2).state_dict())
    model = nn.Linear(2, 2)
    with context():
        load_checkpoint(model, path)
    assert not model.weight.is_inference()
    assert model.weight.device.type == "cpu"
    model(torch.ones(1, 2)).sum().backward()


def test_a_model_that_was_built_under_inference_mode_is_loaded(saved):
    weights = {"weight": torch.full((2, 2), 2.0), "bias": torch.ones(2)}
    with torch.inference_mode():
        model = nn.Linear(2, 2)
    assert torch.equal(load_checkpoint(model, saved(weights)).weight, weights["weight"])


@pytest.mark.filterwarnings("ignore:.*quantiz.*")
@pytest.mark.parametrize("kind", ["meta", "lazy", "quantised"])
def test_models_that_cannot_be_loaded_into_are_told_why(saved, kind):
    path = saved(nn.Linear(2, 2).state_dict())
    if kind == "meta":
        model, reason = nn.Linear(2, 2, device="meta"), "'weight' is on the meta device"
    elif kind == "lazy":
        model, reason = nn.LazyLinear(2), "'weight' is without a shape yet: run the model"
    else:
        model = torch.ao.quantization.quantize_dynamic(nn.Sequential(nn.Linear(2, 2)), {nn.Linear})
        reason = "is a .*: load the weights"
    with pytest.raises(CheckpointError, match=f"Expected a model of plain tensors to load weights into; its .*{reason}"):
        load_checkpoint(model, path)
