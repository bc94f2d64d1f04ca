"""A borrowed model is given back as it was found."""

import contextlib
import linecache
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import nn

from stir.inversion import invert
from stir.models.frozen import _IN_USE, frozen, lend
from stir.representations import represent


def test_inside_it_is_in_eval_mode_and_wants_no_gradients(lived_in_model, images):
    with frozen(lived_in_model) as model:
        assert model is lived_in_model
        assert not any(module.training for module in model.modules())
        assert not any(parameter.requires_grad for parameter in model.parameters())
        assert not model(images).requires_grad


def test_afterwards_it_is_as_found(lived_in_model, left_as_found, images):
    with left_as_found(lived_in_model), frozen(lived_in_model) as model:
        model(images)


def test_what_it_guards_against_changes_without_it(lived_in_model, left_as_found, images):
    for change in (
        lambda model: model.eval(),
        lambda model: model(images),
        lambda model: model[0].weight.requires_grad_(False),
        lambda model: model.zero_grad(),
        lambda model: model[1].register_forward_hook(lambda *_: None),
        lambda model: model[7].weight.data.add_(1),
    ):
        with pytest.raises(AssertionError), left_as_found(lived_in_model):
            change(lived_in_model)


def test_afterwards_it_is_as_found_although_batch_statistics_were_taken(lived_in_model, left_as_found, images):
    with left_as_found(lived_in_model), frozen(lived_in_model) as model:
        model.train()
        model(images)


def test_after_an_exception_it_is_as_found(lived_in_model, left_as_found, images):
    def use_and_fail():
        with frozen(lived_in_model) as model:
            model(images)
            raise ZeroDivisionError

    with left_as_found(lived_in_model), pytest.raises(ZeroDivisionError):
        use_and_fail()


def test_buffers_keep_their_identity_where_the_forward_pass_does(lived_in_model, images):
    """Others may hold them, as an exponential moving average does."""
    running_mean = lived_in_model[1].running_mean
    with frozen(lived_in_model) as model:
        model(images)
    assert lived_in_model[1].running_mean is running_mean


def test_a_buffer_shared_by_two_modules_and_one_that_is_none():
    model = nn.Sequential(nn.Flatten(), nn.Flatten())
    model[0].register_buffer("shared", torch.ones(2))
    model[1].register_buffer("shared", model[0].shared)
    model[1].register_buffer("absent", None)
    with frozen(model):
        model[1].shared.add_(5)
    assert torch.equal(model[0].shared, torch.ones(2))
    assert model[1].absent is None


class Interrupt:
    """Raises KeyboardInterrupt in the line with a number, of this library or of what it calls, as Ctrl-C may."""

    def __init__(self, number):
        self.left = number

    def __call__(self, frame, event, arg):
        # A trace function is also called between the end of a block and the __exit__ of its `with`, where CPython handles no
        # signal: an interrupt there would leave a lock taken for good, which Ctrl-C cannot do.
        if event in ("line", "call") and not _is_with(frame):
            self.left -= 1
            if self.left == 0:
                raise KeyboardInterrupt
        return self

    def __enter__(self):
        sys.settrace(self)

    def __exit__(self, *error):
        sys.settrace(None)


def _is_with(frame):
    return linecache.getline(frame.f_code.co_filename, frame.f_lineno).lstrip().startswith("with ")


def _interrupted(number, work):
    """Return whether the work was interrupted."""
    try:
        with Interrupt(number):
            work()
    except KeyboardInterrupt:
        return True
    return False


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # generators that are closed
def test_an_interrupt_at_any_line_leaves_a_model_as_found(lived_in_model, left_as_found, images):
    number = 1
    with left_as_found(lived_in_model):
        represent(lived_in_model, images[:2], layer="1")
    while True:
        with left_as_found(lived_in_model):
            interrupted = _interrupted(number, lambda: represent(lived_in_model, images[:2], layer="1"))
        assert torch.is_grad_enabled()
        assert not _IN_USE
        if not interrupted:
            break
        number += 1
    assert number > 1000


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_interrupt_while_a_model_is_given_back_leaves_it_as_found(lived_in_model, left_as_found):
    """Every line from the end of the work on."""
    for number in range(1, 400):
        with left_as_found(lived_in_model), contextlib.suppress(KeyboardInterrupt):
            try:
                lend(lived_in_model, lambda number=number: sys.settrace(Interrupt(number)) or _trace_callers())
            finally:
                sys.settrace(None)


def _trace_callers():
    frame = sys._getframe(1)
    while frame is not None:
        if frame.f_code.co_name == "lend":
            frame.f_trace = sys.gettrace()
        frame = frame.f_back


def test_threads_that_use_one_model_take_turns(lived_in_model, left_as_found, images):
    expected = represent(lived_in_model, images, layer="1")
    with left_as_found(lived_in_model), ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: represent(lived_in_model, images, layer="1"), range(60)))
    assert all(torch.equal(each, expected) for each in found)


def test_threads_whose_models_share_a_module_take_turns(lived_in_model, left_as_found, images):
    models = [lived_in_model, nn.Sequential(lived_in_model[:6], nn.Linear(6, 3)).eval()]
    expected = [represent(model, images) for model in models]
    with left_as_found(lived_in_model), ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda i: (i % 2, represent(models[i % 2], images)), range(60)))
    assert all(torch.equal(each, expected[which]) for which, each in found)


def test_an_inversion_in_one_thread_leaves_other_models_in_others_alone(small_net, lived_in_model, images):
    """Tracing replaces the call of every module in the process."""
    expected = represent(lived_in_model, images)
    with ThreadPoolExecutor(2) as pool:
        inverting = pool.submit(lambda: [_inverted(small_net, images) for _ in range(5)])
        while not inverting.done():
            assert torch.equal(represent(lived_in_model, images), expected)
        assert all(torch.equal(each, _inverted(small_net, images)) for each in inverting.result())


def _inverted(model, images):
    return invert(model, images[:2], random_seed=0, tolerance=0.3).iri_images


def test_a_model_made_in_inference_mode_is_inverted(left_as_found, images):
    with torch.inference_mode():
        model = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(64), nn.Linear(64, 4), nn.Linear(4, 2))
    weight, mean = model[2].weight, model[1].running_mean
    with left_as_found(model):
        invert(model, images[:2], random_seed=0, tolerance=0.3)
    assert model[2].weight is weight
    assert model[1].running_mean is mean
    assert weight.is_inference()
