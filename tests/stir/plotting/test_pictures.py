"""Pictures stand in rows; a column belongs to one reference image."""

import numpy as np
import pytest

from stir.plotting.pictures import ImageRow, draw_pictures
from stir.plotting.saving import save_figure

GREY = np.linspace(0, 1, 3 * 16, dtype=np.float32).reshape(3, 1, 4, 4)
COLOUR = np.linspace(0, 1, 3 * 48, dtype=np.float32).reshape(3, 3, 4, 4)
ERRORS = np.array([0.0123, 0.2, 0.05])


@pytest.fixture
def axes():
    rows = [ImageRow("reference images", GREY), ImageRow("IRIs of zebra", COLOUR, ERRORS)]
    (axes,) = draw_pictures(rows).axes
    return axes


def place(image):
    left, right, bottom, top = image.get_extent()
    return (left + right) / 2, (bottom + top) / 2


def test_every_picture_is_shown_unaltered_in_row_and_column(axes):
    assert len(axes.images) == 6
    for number, image in enumerate(axes.images[:3]):
        np.testing.assert_array_equal(image.get_array(), GREY[number, 0])
    for number, image in enumerate(axes.images[3:]):
        np.testing.assert_array_equal(image.get_array(), np.moveaxis(COLOUR[number], 0, -1))
    places = np.array([place(image) for image in axes.images])
    np.testing.assert_allclose(places[:3, 0], places[3:, 0])
    assert places[0, 0] < places[1, 0] < places[2, 0]
    low, high = axes.get_ylim()
    assert (places[3:, 1] - places[:3, 1]).min() > 0
    assert low > high, "the first row is on top"


def test_black_is_0_and_white_is_1_and_pixels_are_not_smoothed(axes):
    for image in axes.images:
        assert image.get_clim() == (0, 1)
        assert image.get_interpolation() == "nearest"


def test_pictures_are_upright(axes):
    for image in axes.images:
        _, _, bottom, top = image.get_extent()
        assert image.origin == "upper"
        assert bottom > top


def test_rows_are_labelled_and_errors_stand_in_their_columns(axes):
    texts = {text.get_text(): text.get_position() for text in axes.texts}
    assert set(texts) == {"reference images", "IRIs of zebra", "0.012", "0.200", "0.050"}
    for number, text in enumerate(["0.012", "0.200", "0.050"]):
        assert texts[text][0] == pytest.approx(place(axes.images[3 + number])[0])
        assert place(axes.images[0])[1] < texts[text][1] < place(axes.images[3])[1]


def test_files_are_the_same_bit_for_bit_each_time(tmp_path):
    rows = [ImageRow("reference images", GREY)]
    first = [path.read_bytes() for path in save_figure(draw_pictures(rows), tmp_path / "tiny")]
    assert [path.read_bytes() for path in save_figure(draw_pictures(rows), tmp_path / "tiny")] == first


def test_a_planted_link_is_not_drawn_through(tmp_path):
    (tmp_path / "mine").write_text("mine")
    for name in ("x.png", "x.svg", ".x.tmp.png", ".x.tmp.svg"):
        (tmp_path / name).symlink_to("mine")
    save_figure(draw_pictures([ImageRow("reference images", GREY)]), tmp_path / "x")
    assert (tmp_path / "mine").read_text() == "mine"
    assert (tmp_path / "x.png").read_bytes().startswith(b"\x89PNG")
