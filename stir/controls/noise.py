"""X plus noise of the same pixel distance as X' from X: what plain robustness to a perturbation of that size gives."""

import torch
from jaxtyping import Float
from torch import Generator, Tensor

from stir.checks import PixelBounds, check_pixel_bounds
from stir.errors import InvalidInputError

N_NOISE = 3
"""Draws of noise; their mean and standard deviation are reported."""
STEPS = 60
"""Halvings of the interval that the length of the noise lies in; float64 has no more."""
LARGEST_LENGTH = 1e6
"""Length of unclamped noise, as a multiple of what is asked for, at which every pixel lies at a bound."""


def matched_noise(
    images: Float[Tensor, "n ..."],
    perturbed_images: Float[Tensor, "n ..."],
    *,
    pixel_bounds: PixelBounds = (0.0, 1.0),
    generator: Generator,
) -> Float[Tensor, "n ..."]:
    r"""Return clip(x + s g) with Gaussian g, and s such that its distance from x is ‖x' − x‖₂, per image.

    The distance grows with s, so s is found by bisection, in float64. Pixels at a bound do not move further, so noise
    of a direction that leaves the bounds everywhere may fall short of the distance; then every pixel lies at a bound.

    Parameters
    ----------
    images, perturbed_images : Float[Tensor, "n ..."]
        X and X', within the pixel bounds.
    pixel_bounds : tuple of float, optional
        Range of the pixels; None for no bounds.
    generator : torch.Generator
        Draws the noise, on the CPU, so that it is the same on every device.

    Returns
    -------
    Float[Tensor, "n ..."]
        In the type and on the device of ``images``.

    Raises
    ------
    InvalidInputError
        If X and X' do not have one shape.
    """
    bounds = check_pixel_bounds(pixel_bounds)
    if images.shape != perturbed_images.shape:
        raise InvalidInputError(
            f"Expected perturbed_images of the shape of images, {tuple(images.shape)}; got {tuple(perturbed_images.shape)}. "
            "Pass one perturbed image per image."
        )
    x, distances = images.flatten(1).double(), (perturbed_images.double() - images.double()).flatten(1).norm(dim=1)
    drawn = torch.randn(images.shape, generator=generator, dtype=torch.float64).flatten(1).to(x.device)
    noise = drawn * (distances / drawn.norm(dim=1))[:, None]
    if bounds is not None:
        noise = (x + noise * _lengths(x, noise, distances, bounds)[:, None]).clamp(*bounds) - x
    return (x + noise).reshape(images.shape).to(images.dtype)


def _lengths(
    x: Float[Tensor, "n p"], noise: Float[Tensor, "n p"], distances: Float[Tensor, " n"], bounds: tuple[float, float]
) -> Float[Tensor, " n"]:
    """Return the factors of the noise at which it has the distance after clamping."""
    low, high = torch.ones_like(distances), torch.full_like(distances, LARGEST_LENGTH)
    for _ in range(STEPS):
        middle = (low * high).sqrt()
        short = ((x + noise * middle[:, None]).clamp(*bounds) - x).norm(dim=1) < distances
        low, high = torch.where(short, middle, low), torch.where(short, high, middle)
    return high
