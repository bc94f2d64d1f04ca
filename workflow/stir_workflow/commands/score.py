"""The command ``stir score``: to what degree one network shares another's invariances, in one call and without an experiment."""

import json
import math
from typing import TYPE_CHECKING, Any

import click

from stir_workflow.commands import images as pictures
from stir_workflow.commands import networks
from stir_workflow.commands.options import IMAGES, INVERSION, JSON, NETWORKS, network_options
from stir_workflow.messages import plain_errors, say

if TYPE_CHECKING:
    from stir.shared_invariance import SharedInvariance


@click.command()
@click.argument("reference")
@click.argument("target")
@IMAGES
@network_options("reference")
@network_options("target")
@NETWORKS
@click.option("--layer", help="Of both networks; by default their penultimate layers. `stir layers` lists them.")
@click.option("--reference-layer", help="Of REFERENCE alone.")
@click.option("--target-layer", help="Of TARGET alone.")
@click.option("--measure", default="linear_cka", show_default=True, help="Similarity measure; `stir measures` lists them.")
@INVERSION
@JSON
def score(reference: str, target: str, as_json: bool, **options: Any) -> None:
    """Score to what degree TARGET shares the invariances of REFERENCE, on images of your own.

    REFERENCE and TARGET are addresses of networks (`stir models`), such as timm:resnet18, torchvision:resnet50 or
    models.py:make_net, or checkpoints that this project made (.safetensors). REFERENCE is inverted: images X' are sought that it
    represents as it represents the images X. The score is how similarly TARGET represents X and X'. Swapping the two networks
    gives another score. If both have random weights, those of TARGET are drawn with the next random seed.

    Example: stir score timm:resnet18 torchvision:resnet50 --images photographs/ --size 224 --n-images 20
    """
    with plain_errors():
        options["random_seeds"] = seeds = _random_seeds(reference, target, options)
        images, result = _scored(reference, target, options)
        facts = _facts(result)
        if as_json:
            own = {"reference": reference, "target": target, "similarity_measure": result.similarity_measure}
            drawn = {f"{role}_random_seed": seed for role, seed in seeds.items()}
            per_image = {name: _listed(getattr(result, name)) for name in ("per_image", "inversion_error", "converged")}
            click.echo(json.dumps({**own, **drawn, **pictures.as_read(images), **facts, "each_image": per_image}, indent=1))
        else:
            first, second = (f"{address}{_drawn(seeds.get(role))}" for role, address in _roles(reference, target))
            click.echo("\n".join(_lines(first, second, images.described, result, facts, options["tolerance"])))


def _scored(reference: str, target: str, options: dict[str, Any]) -> "tuple[pictures.Images, SharedInvariance]":
    from stir import shared_invariance
    from stir.checks import check_random_seed
    from stir.errors import check_known
    from stir.inversion import InversionSettings
    from stir.similarity import SIMILARITY_MEASURES

    settings = settings_of(options, InversionSettings)
    check_known("similarity measure", options["measure"], SIMILARITY_MEASURES)
    check_random_seed(options["random_seed"])
    device = networks.device_of(options["device"])
    images = images_of(options)
    first, second = (
        network_of(address, options[f"{role}_weights"], images, options, options["random_seeds"].get(role)).to(device)
        for role, address in _roles(reference, target)
    )
    _warn_of_the_same(reference, target, first, second)
    result = shared_invariance(
        reference_model=first,
        target_model=second,
        images=images.images.to(device),
        labels=images.labels,
        layer=options["layer"],
        reference_layer=options["reference_layer"],
        target_layer=options["target_layer"],
        similarity_measure=options["measure"],
        random_seed=options["random_seed"],
        settings=settings,
        progress=True,
    )
    return images, result


def _roles(reference: str, target: str) -> list[tuple[str, str]]:
    return [("reference", reference), ("target", target)]


def _random_seeds(reference: str, target: str, options: dict[str, Any]) -> dict[str, int]:
    """Return the random seeds of random weights by role: the next for the target, lest a network be compared with itself."""
    drawn = [role for role, _ in _roles(reference, target) if options[f"{role}_weights"] == networks.RANDOM]
    return {role: options["random_seed"] + number for number, role in enumerate(drawn)}


def _drawn(random_seed: int | None) -> str:
    return "" if random_seed is None else f" (random weights, seed {random_seed})"


def _warn_of_the_same(reference: str, target: str, first: Any, second: Any) -> None:
    """Say so if a network is compared with itself: the score then is its ceiling."""
    own, others = first.state_dict(), second.state_dict()
    same = str(first) == str(second) and own.keys() == others.keys()
    if same and all(value.equal(others[name]) for name, value in own.items()):
        say(f"warning: {reference} and {target} are one network with the same weights, whose score is its ceiling.")


def settings_of(options: dict[str, Any], settings: Any) -> Any:
    """Return the settings of the inversion that the options say, checked."""
    names = ("tolerance", "max_iterations", "method", "seed_images", "batch_size")
    return settings(**{name: options[name] for name in names})


def images_of(options: dict[str, Any]) -> pictures.Images:
    """Return the images that the options say, and say what they are."""
    names = ("n_images", "size", "channels", "random_seed")
    found = pictures.read_images(options["images"], **{name: options[name] for name in names})
    say(f"X: {found.described}, {' x '.join(map(str, found.shape))}")
    return found


def network_of(
    address: str, weights: str | None, images: pictures.Images, options: dict[str, Any], random_seed: int | None = None
) -> Any:
    """Return the network that the options say, with random weights of another random seed if one is given."""
    drawn = options["random_seed"] if random_seed is None else random_seed
    return networks.network(address, weights, images.shape, width=options["width"], classes=options["classes"], random_seed=drawn)


def _facts(result: "SharedInvariance") -> dict[str, Any]:
    controls = result.controls.columns()
    numbers = {"stir": result.score, "similarity": result.similarity, **controls}
    numbers |= {
        "target_same_class_fraction": result.target_same_class_fraction,
        "converged_fraction": result.converged.double().mean().item(),
        "inversion_error_median": result.inversion_error.median().item(),
    }
    return {name: None if math.isnan(value) else value for name, value in numbers.items()}


def _listed(values: Any) -> list[Any]:
    return [None if isinstance(value, float) and not math.isfinite(value) else value for value in values.tolist()]


def _lines(
    reference: str, target: str, described: str, result: "SharedInvariance", facts: dict[str, Any], tolerance: float
) -> list[str]:
    interval = "" if facts["stir_low"] is None else f", 95% interval {facts['stir_low']:.3f} to {facts['stir_high']:.3f}"
    rows = {
        "plain similarity": (_number(facts["similarity"]), f"{result.similarity_measure} of both networks on X"),
        "excess over noise": (_number(facts["stir_excess"]), "0 is noise of the same distance, 1 the ceiling"),
        "ceiling": (_number(facts["stir_ceiling"]), "STIR of the reference with itself"),
        "floor: noise": (_number(facts["stir_noise"]), "X plus noise as far from X as X' is"),
        "floor: seed images": (_number(facts["stir_seed_floor"]), "where the descents began"),
        "floor: shuffled": (_number(facts["stir_null_p95"]), "95th percentile of shuffled images"),
        "converged": (f"{facts['converged_fraction']:.0%}", f"of the images, to inversion error {tolerance:g}"),
    }
    return [
        f"STIR {_number(facts['stir'])}{interval}",
        f"of {target} with respect to {reference}, {described}",
        *(f"  {name:<20}{number:>7}  {meaning}" for name, (number, meaning) in rows.items()),
    ]


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.3f}"
