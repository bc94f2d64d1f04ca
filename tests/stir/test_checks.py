"""Shared preconditions; the refusals of each public function are tested with that function."""

import pytest

from stir.checks import check_batch_size, check_images, check_pixel_bounds
from stir.errors import ConstantFeaturesError, InvalidInputError, StirError, near_matches
from stir.models.usable import check_model


@pytest.mark.parametrize("bounds", [(1, 0), (0.5, 0.5), (0, 1, 2), (float("nan"), 1.0), (0.0, float("nan")), (), 1.0])
def test_pixel_bounds_that_are_not_two_rising_numbers(bounds):
    with pytest.raises(InvalidInputError, match=r"pixel_bounds \(low, high\) with low < high, or None; got .*\(0, 1\)"):
        check_pixel_bounds(bounds)


def test_pixel_bounds_become_floats():
    assert check_pixel_bounds([0, 255]) == (0.0, 255.0)
    assert check_pixel_bounds(None) is None


def test_images_out_of_bounds_are_refused_with_their_range(images):
    with pytest.raises(InvalidInputError, match=r"photos within pixel_bounds \(0\.0, 1\.0\); got values from 0 to 16.*Scale"):
        check_images(images * 16, "photos", pixel_bounds=(0.0, 1.0))
    with pytest.raises(InvalidInputError, match=r"got values from -0\.5 to 0\.5"):
        check_images(images - 0.5, pixel_bounds=(0.0, 1.0))


def test_images_on_the_bounds_are_taken(images):
    assert (images.min(), images.max()) == (0, 1)
    check_images(images, pixel_bounds=(0.0, 1.0))
    check_images(images * 100)


def test_the_message_about_a_model_names_the_argument():
    with pytest.raises(InvalidInputError, match=r"reference_model as a torch\.nn\.Module; got int"):
        check_model(3, "reference_model")


def test_near_matches_are_at_most_three_else_all_are_listed():
    assert near_matches("resnet1", ["resnet18", "vgg6"]) == "Did you mean 'resnet18'?"
    assert near_matches("layer0", [f"layer{i}" for i in range(1, 8)]).count(" or ") == 2
    assert near_matches("xyz", {"b", "a"}) == "Known: 'a', 'b'."


def test_refusals_are_value_errors_and_errors_of_this_package():
    assert issubclass(InvalidInputError, ValueError)
    assert issubclass(ConstantFeaturesError, InvalidInputError)
    assert issubclass(InvalidInputError, StirError)


@pytest.mark.parametrize("batch_size", [0, -1])
def test_a_batch_of_no_images(batch_size):
    with pytest.raises(InvalidInputError, match=rf"Expected batch_size >= 1; got {batch_size}"):
        check_batch_size(batch_size)
