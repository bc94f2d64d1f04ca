"""Pictures of a page: which, each once, and as many as there is room for."""

import io

import numpy as np
import pytest
from PIL import Image

from stir_workflow.report.album import Album, encoded, levels_of
from stir_workflow.report.shown_images import (
    Inversions,
    PairScores,
    agreement_of,
    count_of,
    ends_of,
    error_curve,
    gallery_of,
    with_pictures,
)

NAMES = [f"class {number}" for number in range(8)]


def inversions(model="a", **arrays):
    known = {
        "inversion_error": np.linspace(0.05, 0.12, 8, dtype=np.float32),
        "converged": np.arange(8) < 6,
        "iterations": np.arange(8),
        "seed_error": np.ones(8),
        "correlation": np.full(8, 0.9),
        "null_correlation": np.full(8, 0.5),
    }
    return Inversions(model, "penultimate", "digits", 0, "lbfgs", "normal_noise", 0.1, [], known | arrays)


def pair(target="b", scores=None, classes=None, reference="a"):
    scores = np.array([0.1, 0.9, 0.5, np.nan, 0.3, 0.8, 0.2, 0.7]) if scores is None else scores
    return PairScores(reference, target, "penultimate", "digits", 0, scores, classes or {}, inversions().arrays)


def noise(number, size=4):
    return levels_of(np.random.default_rng(number).random((1, size, size)))


class TestAlbum:
    def test_stores_a_picture_once_at_its_own_size_without_loss(self):
        album, levels = Album(), noise(0)
        assert album.add(levels) == album.add(levels.copy())
        (image,) = album.images.values()
        assert (image.media_type, image.width, image.height) == ("image/png", 4, 4)
        assert (np.asarray(Image.open(io.BytesIO(image.data))) == levels[0]).all()

    def test_pixels_outside_of_0_to_1_and_those_that_are_no_numbers_do_not_wrap(self):
        assert levels_of(np.array([[[-0.2, 1.3, np.nan, 0.5]]])).tolist() == [[[0, 255, 0, 128]]]

    @pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (2, "L"), (3, "RGB"), (5, "RGB")])
    def test_takes_any_number_of_channels(self, channels, mode):
        image = encoded(np.zeros((channels, 4, 6), dtype=np.uint8))
        assert Image.open(io.BytesIO(image.data)).mode == mode
        assert (image.width, image.height) == (6, 4)

    def test_photographs_are_stored_smaller(self):
        levels = levels_of(np.random.default_rng(0).random((3, 224, 224)))
        assert encoded(levels).media_type == "image/webp"

    def test_leaves_out_and_counts_what_has_no_room(self):
        album = Album(room=len(encoded(noise(0)).data))
        assert album.add(noise(0)) is not None
        assert album.add(noise(1)) is None
        assert album.add(noise(0)) is not None, "it is there already"
        assert album.left_out == 1


def test_a_gallery_has_medians_quantiles_and_what_did_not_converge_or_match():
    null = np.array([0.95, *[0.1] * 7])
    gallery = gallery_of(inversions(null_correlation=null, correlation=np.array([0.99, *[0.8] * 7])), NAMES, range(8), range(7))
    assert (gallery.n_images, gallery.converged_fraction, gallery.error_median) == (8, 0.75, 0.085)
    assert [item.converged for item in gallery.items] == [True] * 6 + [False]
    assert [item.matched for item in gallery.items] == [True] + [False] * 6
    assert (gallery.errors[0], gallery.errors[-1], len(gallery.errors)) == (0.05, 0.12, 11)
    assert gallery.converged_curve[0] == (0, 0.125)
    assert gallery.converged_curve[-1] == (7, 0.75), "those that ran out of evaluations did not converge"


def test_perturbed_images_have_a_gallery_without_errors():
    given = Inversions("metamers", "penultimate", "digits", 0, "given", "", None, [], {})
    gallery = gallery_of(given, NAMES, range(8), range(2))
    assert (gallery.converged_fraction, gallery.errors, gallery.converged_curve) == (None, [], None)
    assert [(item.error, item.converged, item.matched) for item in gallery.items] == [(None, None, None)] * 2


def test_an_error_curve_begins_with_the_seed_images_and_leaves_out_what_no_image_came_to():
    errors = np.array([[0.5, 0.2, np.nan], [0.7, np.nan, np.nan]])
    assert error_curve([1, 10, 100], errors, np.array([1.0, 0.8])) == [(0, 0.9), (1, 0.6), (10, 0.2)]


def test_images_that_agree_most_and_least_are_each_named_once_and_never_without_a_score():
    assert ends_of(pair().scores, 2) == ([1, 5], [0, 6])
    most, least = ends_of(pair().scores, 4)
    assert sorted(most + least) == [0, 1, 2, 4, 5, 6, 7]
    assert ends_of(np.full(3, np.nan), 4) == ([], [])


def test_an_agreement_names_the_classes_that_both_models_predict():
    classes = {"target_class": NAMES, "target_class_iri": [*NAMES[1:], None]}
    agreement = agreement_of(pair(classes=classes), 1, NAMES, range(8))
    (most,), (least,) = agreement.most, agreement.least
    assert (most.index, most.score, most.target_class, most.target_class_iri) == (1, 0.9, "class 1", "class 2")
    assert (least.index, least.reference_class, least.converged, agreement.median) == (0, None, True, 0.5)


def test_fewer_images_are_shown_of_each_pair_where_there_are_many():
    assert [count_of(n) for n in (0, 2, 1104, 10**6)] == [4, 4, 1, 1]


class TestPictures:
    """Every gallery gets its first picture before any gets its second."""

    def setup_method(self):
        self.galleries = [gallery_of(inversions(model), NAMES, range(8), range(3)) for model in ("a", "b")]
        self.agreements = [agreement_of(pair(), 1, NAMES, range(8))]

    def filled(self, room=10**6):
        def read(gallery, indices):
            return {
                (kind, at): noise([number, at, ord(gallery.model) if kind == "iri" else 0])
                for number, kind in enumerate(("reference", "seed", "iri"))
                for at in indices
            }

        self.album = Album(room=room)
        return with_pictures(self.galleries, self.agreements, read, self.album)

    def test_all_have_pictures_where_there_is_room_and_share_reference_and_seed_images(self):
        (a, b), (agreement,) = self.filled()
        assert [x.reference for x in a.items] == [x.reference for x in b.items]
        assert {x.iri for x in a.items}.isdisjoint(x.iri for x in b.items)
        assert agreement.most[0].iri == a.items[1].iri
        used = {key for item in (*a.items, *b.items) for key in (item.reference, item.seed, item.iri)}
        assert used == self.album.images.keys(), "the images of the agreement are among the first three"

    def test_where_there_is_little_room_every_gallery_has_its_first_picture(self):
        (a, b), _ = self.filled(room=5 * max(len(encoded(noise([n, 0, 0])).data) for n in range(3)))
        assert None not in {a.items[0].iri, b.items[0].iri}
        assert a.items[2].iri is b.items[2].iri is None
