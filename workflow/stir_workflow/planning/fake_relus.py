"""Layers without a last ReLU, where an experiment asks for its fake gradient: found on networks without weights."""

from collections.abc import Iterator

from stir.errors import InvalidInputError, LayerError
from stir_workflow.planning.layers import image_size
from stir_workflow.planning.loading import Experiment
from stir_workflow.planning.networks import architecture_of
from stir_workflow.planning.settings import layer_label, layer_setting


def fake_relus(experiment: Experiment) -> Iterator[str]:
    """Find layers before which no ReLU is seen to be the last."""
    if not experiment["inversion"]["fake_last_relu"]:
        return
    from stir.inversion.fake_relu import check_fake_last_relu
    from stir.models.shapes import build_shape, empty_images

    tried = set()
    for model in experiment["models"]:
        architecture, size = architecture_of(experiment, model), image_size(experiment, model)
        for layer in experiment["layers"]:
            setting = layer_setting(layer, model)
            if setting is None or (architecture, size, setting) in tried:
                continue
            tried.add((architecture, size, setting))
            network = build_shape(architecture)
            images = empty_images(network, architecture.channels, *size)
            place = f"inversion.fake_last_relu: architecture {architecture.name!r}, layer {layer_label(layer)!r}"
            try:
                check_fake_last_relu(network, setting.spec(), images)
            except LayerError:
                continue  # `layers.use` says it
            except InvalidInputError as error:
                yield f"{place}: {error}"
