"""The same inversion on a GPU: the same seed images, matches as good, and the same bits twice."""

import copy

import pytest
import torch

from stir.inversion import invert

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device is visible")
SETTINGS = {"random_seed": 0, "tolerance": 0.05}


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_gpu_matches_as_well_as_a_cpu(small_net, images, precision):
    on_cpu = invert(small_net, images, precision=precision, **SETTINGS)
    on_gpu = invert(copy.deepcopy(small_net).cuda(), images, precision=precision, **SETTINGS)
    assert torch.equal(on_gpu.seed_images, on_cpu.seed_images)
    torch.testing.assert_close(on_gpu.seed_error, on_cpu.seed_error, rtol=1e-3, atol=0)
    assert on_gpu.converged.all()
    torch.testing.assert_close(on_gpu.inversion_error, on_cpu.inversion_error, rtol=0.5, atol=0)


def test_a_gpu_gives_the_same_bits_twice(small_net, images):
    torch.use_deterministic_algorithms(True, warn_only=True)
    model = copy.deepcopy(small_net).cuda()
    first, second = (invert(model, images.cuda(), **SETTINGS) for _ in range(2))
    torch.use_deterministic_algorithms(False)
    assert torch.equal(first.iri_images, second.iri_images)
    assert first.iri_images.is_cuda
    assert first.inversion_error.is_cuda
