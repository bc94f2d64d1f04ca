"""While a model is borrowed, a GPU multiplies float32 in float32."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import nn

from stir.models import true_float32
from stir.models.frozen import lend


def settings():
    return [getattr(place, name) for place, name, _ in true_float32._settings()]


@pytest.fixture
def exact():
    return [value for _, _, value in true_float32._settings()]


@pytest.fixture(params=[True, False])
def found(request, monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", request.param)
    return settings()


def test_a_borrowed_model_is_measured_in_true_float32_and_the_settings_are_put_back(found, exact):
    assert lend(nn.Linear(2, 2), settings) == exact
    assert settings() == found


def test_after_an_exception_they_are_put_back(found):
    with pytest.raises(ZeroDivisionError):
        lend(nn.Linear(2, 2), lambda: 1 / 0)
    assert settings() == found


def test_they_are_put_back_when_the_last_of_several_threads_is_done(found, exact):
    first, second = object(), object()
    true_float32.hold(first)
    with ThreadPoolExecutor(1) as thread:
        thread.submit(true_float32.hold, second).result()
        true_float32.release(first)
        assert settings() == exact
        thread.submit(true_float32.release, second).result()
    assert settings() == found
