"""To what degree a model represents two pictures of each pair alike, beside everything that the number is to be compared with."""

from jaxtyping import Float
from torch import Generator, Tensor, nn

from stir.checks import PixelBounds, check_images, check_random_seed
from stir.controls import N_NOISE, N_ORDERS, ControlledScore, controlled_score, draw_orders, matched_noise
from stir.representations import represent
from stir.similarity import get_similarity_measure


def invariance(
    model: nn.Module,
    images: Float[Tensor, "n ..."],
    perturbed_images: Float[Tensor, "n ..."],
    *,
    layer: str | None = None,
    pooling: str = "flatten",
    batch_size: int = 256,
    similarity_measure: str = "linear_cka",
    pixel_bounds: PixelBounds = (0.0, 1.0),
    random_seed: int = 0,
) -> ControlledScore:
    """Score to what degree a model is invariant to perturbations of one's own, whatever they were made with.

    Metamers, adversarial examples, corruptions, pairs that people judged alike: X' takes the place of IRIs.

    Parameters
    ----------
    model : torch.nn.Module
        m. It is left as found.
    images, perturbed_images : Float[Tensor, "n ..."]
        X and X', one perturbed image per image, within the pixel bounds.
    layer : str, optional
        As in `stir.represent`.
    pooling : str
        As in `stir.represent`.
    batch_size : int
        Images in one forward pass.
    similarity_measure : str
        A name in `stir.similarity.SIMILARITY_MEASURES`.
    pixel_bounds : tuple of float, optional
        Range of the pixels, which the noise keeps to; None for no bounds.
    random_seed : int
        Of the noise and of the shuffles.

    Returns
    -------
    ControlledScore
        The score and its controls; the ceiling is 1.

    Raises
    ------
    InvalidInputError
        If X' has another shape than X, pixels outside the bounds, or there are too few images for a null.
    NondeterministicModelError
        If the model represents the same images differently the second time.

    Examples
    --------
    An untrained network behind its normalisation, when digits are darker, and when they are shifted by a pixel:

    >>> import torch, stir
    >>> from sklearn.datasets import load_digits
    >>> from stir.models import Architecture, build_model
    >>> images = torch.tensor(load_digits().images[:30, None] / 16).float()
    >>> model = build_model(Architecture("resnet8", 8, 1, 10)).eval()
    >>> darker = stir.invariance(model, images, 0.8 * images)
    >>> shifted = stir.invariance(model, images, images.roll(1, dims=3))
    >>> print(f"{darker.score:.2f} {shifted.score:.2f}")
    1.00 0.22
    """
    get_similarity_measure(similarity_measure)
    check_random_seed(random_seed)
    for argument, of in (("images", images), ("perturbed_images", perturbed_images)):
        check_images(of, argument, pixel_bounds=pixel_bounds)
    generator = Generator().manual_seed(random_seed)
    noisy = [matched_noise(images, perturbed_images, pixel_bounds=pixel_bounds, generator=generator) for _ in range(N_NOISE)]
    orders = draw_orders(len(images), N_ORDERS, generator=generator)
    of_images, of_perturbed, *of_noise = (
        represent(model, of, layer=layer, pooling=pooling, batch_size=batch_size) for of in (images, perturbed_images, *noisy)
    )
    return controlled_score(of_images, of_perturbed, of_noise, orders=orders, similarity_measure=similarity_measure)
