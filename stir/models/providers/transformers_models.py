"""Models of transformers that take images: by a repository of its hub, a local folder, a class or a type with arguments."""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from torch import nn

from stir.errors import InvalidInputError, check_known
from stir.models.providers.provider import DEFAULT_WEIGHTS, Built, Provider, Request
from stir.models.providers.weights import HUB, cached_first, check_classes, check_weights, fetching, hub_cache
from stir.names import shortened

CONFIG, PROCESSOR = "config.json", "preprocessor_config.json"
IMAGES = "pixel_values"
MOST_BYTES = 2**20
"""Of a file of settings."""
BYTE = 255


@cache
def names() -> tuple[str, ...]:
    """Return the types of models that take images, as ``model_type`` in a config.json calls them."""
    from transformers.models.auto.image_processing_auto import IMAGE_PROCESSOR_MAPPING_NAMES

    return tuple(IMAGE_PROCESSOR_MAPPING_NAMES)


def build(request: Request) -> Built:
    """Build a model from its configuration, of which arguments are fields, and load published weights if they are asked for."""
    source = _source(request)
    if source is None:
        check_weights(request, "transformers", (), default=False)
        config, kind, processor = *_of_library(request), None
    else:
        config, kind, processor = _of_source(request, source)
    _set(config, request, "num_channels", request.channels)
    if request.classes is not None:
        check_classes(request, len(config.id2label))
        config.num_labels = request.classes
    network = _network(request, kind, config, source)
    mean, std = _normalisation(processor, request) if processor else (None, None)
    return Built(network, mean, std, _size(processor or {}) or _configured_size(network.config))


def _source(request: Request) -> str | None:
    """Return the local folder or the repository that an address names; None for a class or a type."""
    folder = (request.folder or Path()) / request.name
    if (folder / CONFIG).is_file():
        return str(folder)
    if "/" not in request.name:
        return None
    if request.name.startswith((".", "/")) or request.name.count("/") > 1:
        raise InvalidInputError(f"Expected a folder with a {CONFIG} at {folder}; there is none. Correct the path.")
    return request.name


def _of_library(request: Request) -> tuple[Any, Any]:
    """Return the configuration and the class of ``ViTModel`` or ``vit``."""
    import transformers
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES

    found: Any = getattr(transformers, request.name, None) if request.name.isidentifier() else None
    if _is_model(found) and found.config_class is not None:
        return _configured(found.config_class, request), found
    if request.name not in CONFIG_MAPPING_NAMES:
        check_known("class or type of model of transformers", request.name, (*names(), *_classes()))
    config = _configured(getattr(transformers, CONFIG_MAPPING_NAMES[request.name]), request)
    return config, _default_class(request, config)


def _is_model(found: Any) -> bool:
    import transformers

    return isinstance(found, type) and issubclass(found, transformers.PreTrainedModel)


def _classes() -> list[str]:
    """Return the names of the classes that take images."""
    from transformers.models.auto.modeling_auto import (
        MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING_NAMES as CLASSIFIERS,
    )
    from transformers.models.auto.modeling_auto import MODEL_MAPPING_NAMES as MODELS

    of_images = [found for kind, found in MODELS.items() if kind in names()] + list(CLASSIFIERS.values())
    return [name for found in of_images for name in ([found] if isinstance(found, str) else found)]


def _configured(config_class: Any, request: Request) -> Any:
    config = config_class()
    for name in request.arguments:
        check_known(f"argument of transformers' {request.name}", name, list(config.to_dict()))
    return config_class(**request.arguments)


def _set(config: Any, request: Request, name: str, value: int) -> None:
    if getattr(config, name, value) != value:
        if name in request.arguments:
            raise InvalidInputError(
                f"Expected {name} {value}, as the images have, for transformers' {request.name}; got {request.arguments[name]}. "
                "Leave it out."
            )
        setattr(config, name, value)


def _of_source(request: Request, source: str) -> tuple[Any, Any, Mapping[str, Any]]:
    """Return the configuration, the class and the preprocessing that a repository or folder states."""
    from transformers import AutoConfig

    revision = {} if request.weights in (None, DEFAULT_WEIGHTS) else {"revision": request.weights}
    online = request.weights is not None

    def configured() -> Any:
        how = {"trust_remote_code": False, "return_unused_kwargs": True, "local_files_only": not online}
        return AutoConfig.from_pretrained(source, **how, **revision, **request.arguments)

    remedy = f"or name a local folder with its {CONFIG} and {PROCESSOR}, transformers:FOLDER"
    with fetching(f"the configuration of transformers' {request.name}", f"{HUB}/{source}", hub_cache(source), remedy):
        config, unused = cached_first(configured)
    for name in set(unused) - {"revision", "trust_remote_code", "local_files_only"}:
        check_known(f"argument of transformers' {request.name}", name, list(config.to_dict()))
    processor = _processor(source, revision, online=online)
    if processor is None:
        raise InvalidInputError(
            f"Expected the {PROCESSOR} of transformers' {request.name}, which states its normalisation; it is not in "
            f"{source if Path(source).is_dir() else hub_cache(source)}. Put it there."
        )
    return config, _default_class(request, config), processor


def _processor(source: str, revision: Mapping[str, str], *, online: bool) -> Mapping[str, Any] | None:
    if Path(source).is_dir():
        path = Path(source) / PROCESSOR
    else:
        from huggingface_hub import hf_hub_download

        def fetched() -> str:
            return hf_hub_download(source, PROCESSOR, local_files_only=not online, **revision)

        try:
            path = Path(cached_first(fetched))
        except Exception:  # not there, or no connection: each has errors of its own
            return None
    if not path.is_file():
        return None
    if path.stat().st_size > MOST_BYTES:
        raise InvalidInputError(f"Expected {path} of at most {MOST_BYTES:,} bytes; it has {path.stat().st_size:,}.")
    read = json.loads(path.read_text(encoding="utf-8"))
    return read if isinstance(read, dict) else None


def _default_class(request: Request, config: Any) -> Any:
    """Return the class that builds a model: with a classifier where classes are asked for, else as its files say."""
    import transformers

    if request.classes is not None:
        return transformers.AutoModelForImageClassification
    stated = next(iter(getattr(config, "architectures", None) or ()), "")
    found = getattr(transformers, stated, None) if stated.isidentifier() else None
    return found if _is_model(found) else transformers.AutoModel


def _network(request: Request, kind: Any, config: Any, source: str | None) -> nn.Module:
    """Build the model; of one that takes texts as well, the part that takes images alone."""
    takes = getattr(kind, "main_input_name", None)
    if takes not in (None, IMAGES) and hasattr(config, "vision_config"):
        import transformers

        config, kind = config.vision_config, transformers.AutoModel
    network = _weighted(request, kind, config, source)
    if network.main_input_name != IMAGES:
        raise InvalidInputError(
            f"Expected a model of transformers that takes {IMAGES}; {request.name!r} takes {network.main_input_name}. "
            "Take another, or wrap it in a Python file of your own."
        )
    return network


def _weighted(request: Request, kind: Any, config: Any, source: str | None) -> Any:
    if source is None or request.weights is None or not request.load:
        return kind(config) if hasattr(kind, "config_class") else kind.from_config(config)
    revision = {} if request.weights == DEFAULT_WEIGHTS else {"revision": request.weights}
    with fetching(f"the weights of transformers' {request.name}", f"{HUB}/{source}", hub_cache(source)):
        network, report = cached_first(
            lambda: kind.from_pretrained(source, config=config, output_loading_info=True, trust_remote_code=False, **revision)
        )
    if report["missing_keys"]:
        raise InvalidInputError(
            f"Expected all weights of transformers' {request.name}; its files lack {len(report['missing_keys'])}, for example "
            f"{sorted(report['missing_keys'])[0]!r}. Take the class that they were saved from, or leave out classes."
        )
    return network.float()


def _normalisation(processor: Mapping[str, Any], request: Request) -> tuple[tuple[float, ...] | None, tuple[float, ...] | None]:
    """Return mean and standard deviation of pixels in [0, 1], from those of pixels as the image processor scales them."""
    if processor.get("do_flip_channel_order"):
        raise InvalidInputError(
            f"Expected a model that takes red, green, blue; transformers' {request.name} takes blue first. Wrap it in a Python "
            "file of your own that flips them."
        )
    scale = BYTE * processor.get("rescale_factor", 1 / BYTE) if processor.get("do_rescale", True) else float(BYTE)
    offset = 1.0 if processor.get("rescale_offset") else 0.0
    mean: Any = [0.0] * request.channels
    std: Any = [1.0] * request.channels
    if processor.get("do_normalize", True):
        mean, std = processor.get("image_mean"), processor.get("image_std")
    if not _are_numbers(mean) or not _are_numbers(std):
        raise InvalidInputError(
            f"Expected image_mean and image_std in the {PROCESSOR} of transformers' {request.name}; got {shortened(mean)} and "
            f"{shortened(std)}. Add them to the file."
        )
    return tuple((value + offset) / scale for value in mean), tuple(value / scale for value in std)


def _are_numbers(values: Any) -> bool:
    return isinstance(values, list) and bool(values) and all(isinstance(value, int | float) for value in values)


def _size(processor: Mapping[str, Any]) -> tuple[int, int] | None:
    """Return height and width that an image processor gives: it crops to them, or resizes to them or to a shortest edge."""
    size = processor.get("size")
    if processor.get("do_center_crop") and processor.get("crop_size"):
        size = processor["crop_size"]
    if isinstance(size, Mapping):
        size = (size["height"], size["width"]) if {"height", "width"} <= size.keys() else size.get("shortest_edge")
    return (size, size) if isinstance(size, int) else size if isinstance(size, tuple) else None


def _configured_size(config: Any) -> tuple[int, int] | None:
    size = getattr(config, "image_size", None)
    if isinstance(size, int):
        return size, size
    return tuple(size) if isinstance(size, list | tuple) and len(size) == 2 else None


PROVIDER = Provider("transformers", ("transformers",), build, extra="transformers", names=names)
