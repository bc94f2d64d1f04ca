"""The error curve of an inversion: each image's best error at numbers of evaluations that are spaced logarithmically."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from stir.inversion.descent import Rows

LEADING_DIGITS = (1, 2, 3, 5, 7)


def curve_evaluations(max_iterations: int) -> list[int]:
    """Return 1, 2, 3, 5, 7, 10, 20, ... as far as they are less than the most evaluations, and these."""
    powers = [10**power for power in range(len(str(max_iterations)))]
    counts = (digit * power for power in powers for digit in LEADING_DIGITS)
    return [*(count for count in counts if count < max_iterations), max_iterations]


class ErrorCurve:
    """Each image's best error at `curve_evaluations`; NaN where it has not come so far.

    It only looks at what descents find, where they find it: nothing is computed again, and no GPU is waited for.

    Parameters
    ----------
    n : int
        Number of images.
    max_iterations : int
        Most evaluations per image.
    like : Tensor
        Of the type and on the device of errors.
    """

    def __init__(self, n: int, max_iterations: int, like: Tensor) -> None:
        self.evaluations = curve_evaluations(max_iterations)
        self._counts = torch.tensor(self.evaluations, device=like.device)
        # The last column takes the errors at all other counts.
        self._errors = like.new_full((n, len(self.evaluations) + 1), torch.nan)

    @property
    def errors(self) -> Float[Tensor, "n k"]:
        """Best error per image and count; writing to it changes the curve."""
        return self._errors[:, :-1]

    def record(self, rows: Rows) -> None:
        """Keep the best errors of rows that have come to one of the counts."""
        last = len(self.evaluations) - 1
        at = torch.searchsorted(self._counts, rows.iterations).clamp(max=last)
        column = torch.where(self._counts[at] == rows.iterations, at, last + 1)
        self._errors[rows.index, column] = rows.best_errors.to(self._errors)

    def settle(self, index: Int[Tensor, " k"], iterations: Int[Tensor, " k"], errors: Float[Tensor, " k"]) -> None:
        """Keep the final errors of images that have ended: from their last evaluation on."""
        index, iterations, errors = (values.to(self._errors.device) for values in (index, iterations, errors))
        ended = self._counts >= iterations[:, None]
        self.errors[index] = torch.where(ended, errors[:, None].to(self._errors), self.errors[index])

    def result(self, iterations: Int[Tensor, " n"]) -> tuple[list[int], Float[Tensor, "n k"]]:
        """Return counts and errors, as far as any image went."""
        n_columns = 1 + sum(count < int(iterations.max()) for count in self.evaluations)
        return self.evaluations[:n_columns], self.errors[:, :n_columns].contiguous()
