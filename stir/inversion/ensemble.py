"""Several reference models as one: their representations beside each other, each to be matched relative to its own norm."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from stir.errors import StirError
from stir.inversion.fast_forward import Forward, Forwards
from stir.progress import progress_name
from stir.representations import Representing


class Together:
    """Images -> representations of all models, (n, d1 + d2 + ...); of a single model, its own."""

    def __init__(self, members: Sequence[Forward]) -> None:
        self.members = list(members)

    def __call__(self, images: Float[Tensor, "n ..."]) -> Float[Tensor, "n d"]:
        """Return the representations beside each other, on the device of the first model's."""
        return beside([member(images) for member in self.members])


class Ensemble(Together):
    """The reference models as given, frozen meanwhile; often a single one."""

    widths: tuple[int, ...] = ()
    """Features of each model, known from the first images on."""

    def __init__(self, members: Sequence[Representing]) -> None:
        super().__init__(members)
        self._members = list(members)

    def with_output(self, images: Float[Tensor, "n ..."]) -> tuple[Float[Tensor, "n d"], list[Any]]:
        """Return the representations, and what each whole model gives."""
        parts, outputs = zip(*(member.with_output(images) for member in self._members), strict=True)
        self.widths = tuple(part.shape[1] for part in parts)
        return beside(parts), list(outputs)


def beside(parts: Sequence[Float[Tensor, "n d"]]) -> Float[Tensor, "n d"]:
    """Return representations beside each other; a single one as it is."""
    return parts[0] if len(parts) == 1 else torch.cat([part.to(parts[0]) for part in parts], dim=1)


def forwards_together(forwards: Sequence[Forwards], members: Sequence[Forward]) -> Forwards:
    """Return the forward passes of an ensemble's descents: a model without one of its own is used as given.

    Parameters
    ----------
    forwards : sequence of Forwards
        Of each model.
    members : sequence of callable
        The models as given.
    """
    if len(forwards) == 1:
        return forwards[0]
    exact = [own.exact or member for own, member in zip(forwards, members, strict=True)]
    rounded = [own.rounded for own in forwards if own.rounded is not None]
    all_round = len(rounded) == len(forwards)
    return Forwards(
        exact=Together(exact) if any(own.exact for own in forwards) else None,
        rounded=Together(rounded) if all_round else None,
        precision="bfloat16" if all(own.precision == "bfloat16" for own in forwards) else "float32",
        note="; ".join(f"model {number} {own.note}" for number, own in enumerate(forwards)),
    )


@contextmanager
def naming_member(number: int, n_models: int) -> Iterator[None]:
    """Say of which of several models an error is."""
    try:
        yield
    except StirError as error:
        if n_models == 1:
            raise
        raise type(error)(f"Model {number} of the ensemble, counted from 0: {error}") from error


def what_is_inverted(models: Sequence[nn.Module], layers: Sequence[str]) -> str:
    """Name the models by what the job is called, if it is, and their classes; and the layers."""
    classes = [type(getattr(model, "network", model)).__name__ for model in models]
    job = [name] if (name := progress_name()) else []
    of_each_model = [f"{name} at layer {layer}" for name, layer in zip(classes, layers, strict=True)]
    return ": ".join([*job, " and ".join(of_each_model)])


def of_each(check: Callable[..., None], *of_members: Sequence[Any]) -> None:
    """Call a check with what belongs to each model, and name the model that it refuses."""
    for number, arguments in enumerate(zip(*of_members, strict=True)):
        with naming_member(number, len(of_members[0])):
            check(*arguments)
