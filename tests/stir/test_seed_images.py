"""Seed images have the distribution of their kind and come from the random seed alone."""

import pytest
import torch

from stir.errors import InvalidInputError
from stir.seed_images import make_seed_images


def _make(kind, like, *, random_seed=0, pixel_bounds=None, labels=None):
    return make_seed_images(kind, like, random_seed=random_seed, pixel_bounds=pixel_bounds, labels=labels)[:]


@pytest.mark.parametrize(("kind", "mean", "deviation"), [("normal_noise", 0, 1), ("uniform_noise", 0.5, 12**-0.5)])
def test_moments_of_the_noise(kind, mean, deviation):
    seeds = _make(kind, torch.empty(100, 1, 20, 20))
    assert seeds.mean().item() == pytest.approx(mean, abs=0.02)
    assert seeds.std().item() == pytest.approx(deviation, abs=0.02)


def test_uniform_noise_is_in_the_unit_interval():
    seeds = _make("uniform_noise", torch.empty(50, 1, 8, 8))
    assert seeds.min() >= 0
    assert seeds.max() <= 1


def test_bounds_clamp_and_leave_the_rest():
    like = torch.empty(50, 1, 8, 8)
    free, bounded = _make("normal_noise", like), _make("normal_noise", like, pixel_bounds=(0.0, 1.0))
    assert free.min() < 0
    assert free.max() > 1
    torch.testing.assert_close(bounded, free.clamp(0, 1), rtol=0, atol=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_shape_and_type_are_those_of_the_reference_images(dtype):
    like = torch.zeros(3, 2, 5, 4, dtype=dtype)
    seeds = _make("normal_noise", like)
    assert (seeds.shape, seeds.dtype) == (like.shape, dtype)


def test_the_content_of_the_reference_images_does_not_matter():
    assert torch.equal(_make("normal_noise", torch.zeros(3, 8)), _make("normal_noise", torch.ones(3, 8)))


def test_every_image_and_every_random_seed_has_its_own_noise():
    like = torch.empty(3, 8)
    first, other = _make("normal_noise", like), _make("normal_noise", like, random_seed=1)
    assert torch.equal(first, _make("normal_noise", like))
    assert not torch.equal(first, other)
    assert not torch.equal(first[0], first[1])


def test_an_unknown_kind_is_refused_with_near_matches():
    with pytest.raises(InvalidInputError, match=r"kind of seed image 'uniform'\. Did you mean 'uniform_noise'\?"):
        _make("uniform", torch.empty(3, 8))


def test_noise_of_low_contrast_is_normal_noise_nearer_to_middle_grey():
    faint, strong = (
        _make(kind, torch.empty(4, 3, 20, 20), pixel_bounds=(0, 1)) for kind in ("low_contrast_noise", "normal_noise")
    )
    torch.testing.assert_close(faint - 0.5, (strong - 0.5) / 4)


def test_shared_noise_is_one_picture_for_all():
    seeds = _make("shared_noise", torch.empty(4, 3, 20, 20))
    assert torch.equal(seeds, seeds[:1].expand(4, 3, 20, 20))
    assert seeds.std().item() == pytest.approx(1, abs=0.1)
    assert not torch.equal(seeds, _make("shared_noise", torch.empty(4, 3, 20, 20), random_seed=1))


@pytest.mark.parametrize(("bounds", "black", "white"), [(None, 0, 1), ((0.0, 1.0), 0, 1), ((-2.0, 3.0), -2, 3)])
def test_black_and_white_are_the_bounds(bounds, black, white):
    like = torch.rand(3, 8)
    assert torch.equal(_make("black", like, pixel_bounds=bounds), torch.full((3, 8), float(black)))
    assert torch.equal(_make("white", like, pixel_bounds=bounds), torch.full((3, 8), float(white)))


def test_other_images_are_all_taken_once_and_none_is_its_own():
    like = torch.arange(9.0)[:, None].repeat(1, 2)
    found = _make("other_image", like)[:, 0]
    assert sorted(found.tolist()) == list(range(9))
    assert (found != like[:, 0]).all()
    assert not torch.equal(found, _make("other_image", like, random_seed=1)[:, 0])


def test_other_class_images_are_of_another_class():
    labels = torch.tensor([0, 0, 0, 1, 1, 2] * 10)
    found = _make("other_class_image", torch.arange(60.0)[:, None], labels=labels)[:, 0].long()
    assert (labels[found] != labels).all()
    assert len(set(found.tolist())) > 20


@pytest.mark.parametrize(
    ("kind", "like", "labels", "message"),
    [
        ("other_image", torch.rand(1, 2), None, "at least 2 reference images"),
        ("other_class_image", torch.rand(3, 2), None, "labels, one per image.*got none"),
        ("other_class_image", torch.rand(3, 2), torch.tensor([0, 1]), "got 2 for 3 images"),
        ("other_class_image", torch.rand(3, 2), torch.zeros(3), "several classes"),
    ],
)
def test_seed_images_that_cannot_be_made_are_refused(kind, like, labels, message):
    with pytest.raises(InvalidInputError, match=message):
        _make(kind, like, labels=labels)


@pytest.mark.parametrize("kind", ["normal_noise", "uniform_noise", "low_contrast_noise", "shared_noise", "white", "black"])
def test_a_seed_image_hangs_on_its_number_and_not_on_the_others(kind):
    settings = {"random_seed": 5, "pixel_bounds": None}
    few, many = (make_seed_images(kind, torch.empty(n, 2, 4, 4), **settings) for n in (3, 10))
    assert torch.equal(many[:3], few[:])
    assert torch.equal(many[torch.tensor([7, 2])], many[:][[7, 2]])


@pytest.mark.parametrize("kind", ["other_image", "other_class_image"])
def test_other_images_are_the_same_when_asked_for_one_by_one(kind):
    labels = torch.tensor([0, 0, 1, 2, 1] * 4)
    seeds = make_seed_images(kind, torch.rand(20, 3), random_seed=1, pixel_bounds=None, labels=labels)
    one_by_one = torch.cat([seeds[torch.tensor([number])] for number in range(20)])
    assert torch.equal(one_by_one, seeds[:])


def test_every_other_class_image_is_as_likely():
    labels = torch.tensor([1, 0, 0, 2])
    drawn = [_make("other_class_image", torch.arange(4.0)[:, None], random_seed=i, labels=labels)[:, 0] for i in range(600)]
    counts = torch.stack(drawn).long()[:, 1].bincount(minlength=4).tolist()
    assert counts[1] == counts[2] == 0
    assert 240 < counts[0] < 360, "image 1 is of class 0: it starts at image 0 or image 3"


@pytest.mark.parametrize("random_seed", [-1, 1.5, True, None])
def test_what_is_no_random_seed_is_refused(random_seed):
    with pytest.raises(InvalidInputError, match="random_seed as an integer >= 0; got"):
        _make("normal_noise", torch.empty(3, 8), random_seed=random_seed)
