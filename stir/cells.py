"""Means of scores over the cells of a summary, and differences of such means, with standard errors; no torch."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from stir.standard_errors import Component, combined, interval_of_mean, over_images, over_members, over_seeds

ERROR_COLUMNS = ["stir_se_images", "stir_se_inversion_seeds", "stir_se_training_seeds", "interval_over"]


class Errors(NamedTuple):
    """What each kind of unit contributes to the error of a mean."""

    images: Component
    inversion_seeds: Component
    training_seeds: Component

    @property
    def combined(self) -> Component:
        """All of them, by the one rule."""
        return combined(self.images, self.training_seeds, self.inversion_seeds)

    def columns(self) -> dict[str, float | str]:
        """Return them as `ERROR_COLUMNS`: a standard error each, and the units of the combined interval."""
        return dict(zip(ERROR_COLUMNS, [*(each.error for each in self), self.combined.unit], strict=True))


@dataclass(frozen=True)
class Cell:
    """The mean STIR of rows, and what it is if units are left out; a difference of cells leaves them out of both at once."""

    mean: float
    without_image: np.ndarray
    """(n,); the mean without each image."""
    of_seed: np.ndarray
    """(seeds,); the mean of each inversion seed; NaN for seeds that have no rows."""
    without_model: np.ndarray
    """(models,); the mean without each model; that of all rows for a model that is not in any of them."""
    members: np.ndarray
    """(models,); which models are in any of the rows."""
    group: np.ndarray
    """(models,); number of each model's group."""

    def __sub__(self, other: "Cell") -> "Cell":
        """Return the difference, with everything left out of both cells at once."""
        paired = (
            self.without_image - other.without_image,
            self.of_seed - other.of_seed,
            self.without_model - other.without_model,
        )
        return Cell(self.mean - other.mean, *paired, self.members | other.members, self.group)

    def errors(self) -> Errors:
        """Return the standard errors over images, inversion seeds and trainings."""
        seeds = self.of_seed[~np.isnan(self.of_seed)]
        groups = np.unique(self.group[self.members])
        strata = [self.without_model[self.members & (self.group == number)] for number in groups]
        return Errors(over_images(self.without_image), over_seeds(seeds), over_members(strata))


def cells_of(rows: pd.DataFrame, numbers: np.ndarray, without_each: np.ndarray) -> Iterator[Cell]:
    """Give the cells of a table, in the order of their numbers.

    Parameters
    ----------
    rows : DataFrame
        Rows of a score table, pairs of different models, with ``reference_group`` and ``target_group``.
    numbers : array of shape (rows,)
        The cell of each row, from 0.
    without_each : array of shape (rows, n)
        STIR of each row without each image.
    """
    models = pd.concat(
        [rows[[f"{side}_model", f"{side}_group"]].set_axis(["model", "group"], axis=1) for side in ("reference", "target")]
    ).drop_duplicates("model")
    group = pd.factorize(models["group"])[0]
    reference, target = (pd.Index(models["model"]).get_indexer(rows[f"{side}_model"]) for side in ("reference", "target"))
    stir, seed = rows["stir"].to_numpy(np.float64), pd.factorize(rows["random_seed"])[0]
    for number in range(numbers.max(initial=-1) + 1):
        at = np.flatnonzero(numbers == number)
        without_image = without_each[at].mean(axis=0)
        yield _cell(stir[at], without_image, seed[at], (reference[at], target[at]), group, n_seeds=seed.max() + 1)


def _cell(
    stir: np.ndarray,
    without_image: np.ndarray,
    seed: np.ndarray,
    sides: tuple[np.ndarray, np.ndarray],
    group: np.ndarray,
    *,
    n_seeds: int,
) -> Cell:
    mean, members = float(stir.mean()), np.zeros(len(group), dtype=bool)
    of_seed, without_model = np.full(n_seeds, np.nan), np.full(len(group), mean)
    for number in np.unique(seed):
        of_seed[number] = stir[seed == number].mean()
    for number in np.unique(np.concatenate(sides)):
        rest = stir[(sides[0] != number) & (sides[1] != number)]
        without_model[number] = rest.mean() if len(rest) else np.nan
        members[number] = True
    return Cell(mean, without_image, of_seed, without_model, members, group)


def columns_of(cell: Cell) -> dict[str, float | str]:
    """Return the interval of a cell's mean, and its standard errors."""
    errors = cell.errors()
    low, high = interval_of_mean(cell.mean, errors.combined)
    return {"stir_low": low, "stir_high": high, **errors.columns()}
