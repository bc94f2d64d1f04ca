"""The settings of an inversion: their names, defaults and meaning, for `stir.invert` and experiment files alike.

The planner reads the names of the fields in every process of Snakemake; so nothing heavy is imported until settings are made.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

from stir.errors import InvalidInputError, check_known

if TYPE_CHECKING:
    from stir.checks import PixelBounds
    from stir.inversion.descent import Stopping
    from stir.poolings import Pooling

PRECISIONS = ("float32", "bfloat16", "auto")
DEFAULT_TOLERANCE = 0.05


@dataclass(frozen=True)
class InversionSettings:
    """How IRIs are found.

    Raises
    ------
    InvalidInputError
        If a value cannot be used, or two do not go together.

    Examples
    --------
    >>> from dataclasses import replace
    >>> from stir.inversion import InversionSettings
    >>> settings = InversionSettings(tolerance=0.1, seed_images="uniform_noise")
    >>> settings.method
    'lbfgs'
    >>> replace(settings, method="normalised_gradient").seed_images
    'uniform_noise'
    """

    method: str = "lbfgs"
    """Descent: ``"lbfgs"``; ``"lbfgs_adam"``, which takes turns of Adam where L-BFGS stalls, as on networks that were trained
    on ImageNet; or ``"normalised_gradient"``, the published one."""
    seed_images: str = "normal_noise"
    """Kind of starting picture: ``"normal_noise"`` (published), ``"uniform_noise"``, ``"low_contrast_noise"``,
    ``"shared_noise"``, ``"white"``, ``"black"``, ``"other_image"`` or ``"other_class_image"``, which needs labels."""
    precision: str = "float32"
    """Of the descent: ``"float32"`` (the model's own type); ``"bfloat16"`` as long as that helps; or ``"auto"``, whichever
    takes less time for one evaluation, so that IRIs may differ between runs. The result tells it. Errors are verified by
    the model as given in any case."""
    fake_last_relu: bool = False
    """Whether gradients pass the last ReLU before the layer as if it were the identity (published), for
    ``normalised_gradient``."""
    tolerance: float = DEFAULT_TOLERANCE
    """Relative error at or under which an image has converged."""
    max_iterations: int | None = None
    """Forward and backward passes per image; by default 500 for ``lbfgs`` and ``lbfgs_adam``, 1,000 for ``normalised_gradient``,
    which makes them all."""
    batch_size: int = 256
    """Images descended at once; images that are done make room for waiting ones."""
    pixel_bounds: "PixelBounds" = (0.0, 1.0)
    """Range of the pixels; None lifts it."""
    pooling: "str | Pooling" = "flatten"
    """As in `stir.represent`."""

    def __post_init__(self) -> None:
        """Check every value, and normalise numbers."""
        from stir.checks import check_batch_size, check_count, check_number, check_pixel_bounds
        from stir.inversion.registry import METHODS
        from stir.poolings import get_pooling
        from stir.seed_images import SEED_IMAGES

        check_known("inversion method", self.method, METHODS)
        check_known("kind of seed image", self.seed_images, SEED_IMAGES)
        check_known("precision", self.precision, PRECISIONS)
        get_pooling(self.pooling)
        self._check_fake_last_relu()
        check_number("tolerance", self.tolerance, over=0, example="a relative error, such as 0.05")
        check_batch_size(self.batch_size)
        if self.max_iterations is not None:
            check_count("max_iterations", self.max_iterations, "the number of forward and backward passes for each image")
            object.__setattr__(self, "max_iterations", int(self.max_iterations))
        object.__setattr__(self, "tolerance", float(self.tolerance))
        object.__setattr__(self, "batch_size", int(self.batch_size))
        object.__setattr__(self, "pixel_bounds", check_pixel_bounds(self.pixel_bounds))

    @property
    def stopping(self) -> "Stopping":
        """When a descent ends for an image."""
        from stir.inversion.descent import Stopping
        from stir.inversion.registry import METHODS

        default = METHODS[self.method].default_max_iterations
        return Stopping(self.tolerance, default if self.max_iterations is None else self.max_iterations)

    def _check_fake_last_relu(self) -> None:
        if not isinstance(self.fake_last_relu, bool):
            raise InvalidInputError(
                f"Expected fake_last_relu as True or False; got {self.fake_last_relu!r}. Leave it out for False."
            )
        if self.fake_last_relu and self.method != "normalised_gradient":
            raise InvalidInputError(
                f"Expected method 'normalised_gradient' with fake_last_relu; got {self.method!r}, which needs the true gradient: "
                "a fake one has no curvature. Set fake_last_relu to False, or change the method."
            )


def changed_settings(settings: InversionSettings, changes: Mapping[str, Any]) -> InversionSettings:
    """Return settings with some of them changed, by their names.

    Raises
    ------
    InvalidInputError
        If there is no such setting, with near matches; or if a value cannot be used.
    """
    if not isinstance(settings, InversionSettings):
        raise InvalidInputError(
            f"Expected settings as InversionSettings; got {type(settings).__name__}. Pass InversionSettings(...), or keywords."
        )
    for name in changes:
        check_known("inversion setting", name, {field.name for field in fields(settings)})
    return replace(settings, **changes)
