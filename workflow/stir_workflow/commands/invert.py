"""The command ``stir invert``: identically represented inputs of one network, saved as HDF5."""

import json
from pathlib import Path
from typing import Any

import click

from stir_workflow.commands import networks
from stir_workflow.commands.images import as_read
from stir_workflow.commands.options import IMAGES, INVERSION, JSON, NETWORKS, network_options
from stir_workflow.messages import plain_errors, say


@click.command()
@click.argument("model")
@IMAGES
@network_options()
@NETWORKS
@click.option("--layer", help="By default the penultimate layer. `stir layers` lists them.")
@click.option("--output", required=True, type=click.Path(path_type=Path), help="HDF5 file to write, such as iris.h5.")
@click.option("--overwrite", is_flag=True, help="Replace the file if it exists.")
@INVERSION
@JSON
def invert(model: str, output: Path, overwrite: bool, as_json: bool, **options: Any) -> None:
    """Find images X' that MODEL represents as it represents the images X, and save them.

    MODEL is an address of a network (`stir models`), such as timm:resnet18, torchvision:resnet50 or models.py:make_net, or a
    checkpoint that this project made (.safetensors). In Python, stir.load("iris.h5") returns X', the seed images, and error,
    convergence, correlation and class per image.

    Example: stir invert timm:resnet18 --images photographs/ --n-images 4 --layer layer3 --output iris.h5
    """
    from stir_workflow.commands.score import images_of, network_of, settings_of

    with plain_errors():
        from stir import invert as found_by
        from stir.checks import check_random_seed
        from stir.inversion import InversionSettings

        settings = settings_of(options, InversionSettings)
        check_random_seed(options["random_seed"])
        _check_output(output, overwrite=overwrite)
        device, images = networks.device_of(options["device"]), images_of(options)
        network = network_of(model, options["weights"], images, options).to(device)
        inversion = found_by(
            network,
            images.images.to(device),
            layer=options["layer"],
            random_seed=options["random_seed"],
            settings=settings,
            labels=images.labels,
            progress=True,
        )
        inversion.save(output, overwrite=overwrite)
        if as_json:
            errors = {name: getattr(inversion, name).tolist() for name in ("inversion_error", "converged", "iterations")}
            said = {"model": model, **as_read(images), "output": str(output), "converged_fraction": inversion.converged_fraction}
            click.echo(json.dumps({**said, "each_image": errors}, indent=1))
        else:
            click.echo(repr(inversion))
            say(f"Saved in {output}; stir.load({str(output)!r}) reads it in Python.")


def _check_output(output: Path, *, overwrite: bool) -> None:
    """Refuse a place where nothing can be saved, before anything is computed."""
    from stir.errors import InvalidInputError
    from stir.names import shown
    from stir_workflow.store.storage import check_writable

    if not output.absolute().parent.is_dir():
        raise InvalidInputError(f"Expected a folder at {shown(output.parent)}; there is none. Make it first.")
    if output.is_dir() or (output.exists() and not overwrite):
        raise InvalidInputError(f"{shown(output)} exists. Choose another name, or pass --overwrite to replace the file.")
    check_writable([output.absolute().parent])
