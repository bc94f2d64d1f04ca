"""Matrices that are refused before any computation; refusals of single measures are tested with them."""

import pytest
import torch

from stir.errors import ConstantFeaturesError, InvalidInputError
from stir.similarity.matrix_checks import check_paired, check_representation


@pytest.mark.parametrize("scale", [1e-20, 1.0, 1e20])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_constant_up_to_rounding_is_constant(generator, dtype, scale):
    one_row = scale * torch.randn(1, 30, generator=generator, dtype=dtype)
    rounded = one_row.expand(20, -1) * (1 + torch.finfo(dtype).eps * torch.randint(-1, 2, (20, 30), generator=generator))
    with pytest.raises(ConstantFeaturesError, match=r"differ between images in y; all 20 images.*choose another layer"):
        check_representation(rounded.to(dtype), "y", least_n=3)
    check_representation(one_row.expand(20, -1) + scale * torch.randn(20, 30, generator=generator, dtype=dtype), "y", least_n=3)


def test_one_large_constant_feature_does_not_hide_the_others(generator):
    x = torch.randn(20, 5, generator=generator)
    x[:, 2] = 1e8
    check_representation(x, "x", least_n=3)


def test_a_difference_in_one_image_and_one_feature_is_a_difference():
    x = torch.ones(20, 30)
    x[19, 29] = 1.001
    check_representation(x, "x", least_n=3)


def test_pairs_need_the_same_number_of_images():
    check_paired(torch.empty(5, 2), torch.empty(5, 7))
    with pytest.raises(InvalidInputError, match=r"equal n; got a \(5, 2\) and b \(4, 2\)\. Extract both from the same images"):
        check_paired(torch.empty(5, 2), torch.empty(4, 2), ("a", "b"))
