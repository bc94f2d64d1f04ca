"""X plus noise of the same pixel distance as X' from X: what plain robustness to a perturbation of that size gives."""

import torch
from jaxtyping import Float
from torch import Generator, Tensor

from stir.checks import PixelBounds, check_pixel_bounds
from stir.errors import InvalidInputError

N_NOISE = 3
"""Draws of noise; their mean and standard deviation are reported."""
STEPS = 60
"""More than the search for the length of the noise takes."""
ROWS = 64
"""Images computed at a time, so that float64 copies of all of them are not needed."""


def matched_noise(
    images: Float[Tensor, "n ..."],
    perturbed_images: Float[Tensor, "n ..."],
    *,
    pixel_bounds: PixelBounds = (0.0, 1.0),
    generator: Generator,
) -> Float[Tensor, "n ..."]:
    r"""Return clip(x + s g) with Gaussian g, and s such that its distance from x is ‖x' − x‖₂, per image.

    The squared distance is concave and piecewise linear in s², so that Newton's method reaches s from below in a few steps, in
    float64. Pixels at a bound do not move further, so noise of a direction that leaves the bounds everywhere may fall short
    of the distance; then every pixel lies at a bound.

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

    Examples
    --------
    >>> import torch
    >>> from stir.controls import matched_noise
    >>> generator = torch.manual_seed(0)
    >>> images = torch.rand(4, 1, 8, 8, generator=generator)
    >>> noisy = matched_noise(images, images.roll(1, dims=3), generator=generator)
    >>> torch.allclose((noisy - images).flatten(1).norm(dim=1), (images.roll(1, dims=3) - images).flatten(1).norm(dim=1))
    True
    """
    bounds = check_pixel_bounds(pixel_bounds)
    if images.shape != perturbed_images.shape:
        raise InvalidInputError(
            f"Expected perturbed_images of the shape of images, {tuple(images.shape)}; got {tuple(perturbed_images.shape)}. "
            "Pass one perturbed image per image."
        )
    pairs = zip(images.split(ROWS), perturbed_images.split(ROWS), strict=True)
    return torch.cat([_noisy(x, x_prime, bounds, generator) for x, x_prime in pairs])


def _noisy(images: Tensor, perturbed_images: Tensor, bounds: tuple[float, float] | None, generator: Generator) -> Tensor:
    """Return some images plus noise."""
    x, x_prime = images.flatten(1).double(), perturbed_images.flatten(1).double()
    drawn = torch.randn(images.shape, generator=generator, dtype=torch.float64).flatten(1).to(x.device)
    squared = (x_prime - x).square().sum(dim=1, keepdim=True)
    noise = drawn * (squared.sqrt() / drawn.norm(dim=1, keepdim=True))
    noisy = x + noise
    if bounds is not None:
        noisy = (x + noise * _squared_lengths(x, noise, squared, bounds).sqrt()).clamp(*bounds)
    return noisy.reshape(images.shape).to(images.dtype)


def _squared_lengths(
    x: Float[Tensor, "n p"], noise: Float[Tensor, "n p"], squared: Float[Tensor, "n 1"], bounds: tuple[float, float]
) -> Float[Tensor, "n 1"]:
    """Return the squared factors of the noise at which it has the squared distance after clamping."""
    squares = noise.square()
    room = torch.where(noise > 0, bounds[1] - x, x - bounds[0]).clamp(min=0).square()
    factors = torch.ones_like(squared)
    for _ in range(STEPS):
        free = squares * factors < room
        moved = torch.where(free, squares, 0).sum(dim=1, keepdim=True)
        found = (squared - torch.where(free, 0, room).sum(dim=1, keepdim=True)) / moved
        # No pixel moves further: all of them lie at a bound, whatever the factor.
        found = torch.where(moved > 0, found, factors)
        if not (found > factors).any():
            break
        factors = torch.maximum(factors, found)
    return factors
