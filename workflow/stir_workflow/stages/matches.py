"""How well cached IRIs match: what the tables report and what a run is refused for."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from stir.errors import ConvergenceError
from stir.match_columns import PER_IMAGE, match_columns
from stir.table_controls import GIVEN
from stir_workflow.stages.iri import PERTURBED_IMAGES
from stir_workflow.stages.layer_setting import LayerSetting
from stir_workflow.store.artifacts import sealed_recipe
from stir_workflow.store.hdf5 import read_arrays, read_attribute

ERRORS = (
    *("tolerance", "converged_fraction", "inversion_error_median", "inversion_error_p90", "pairwise_inversion_error_median"),
    *("seed_error_median", "correlation_median", "null_correlation_p99", "same_class_fraction", "iterations_median"),
)
"""What inversions have, and perturbed images do not."""


def read_matches(paths: Sequence[Path], first: int | None = None) -> list[dict[str, Any]]:
    """Summarise the inversion errors of IRI files, one dictionary a file; of all images, or of the first so many."""
    return [_match(path, first) for path in paths]


def _match(path: Path, first: int | None) -> dict[str, Any]:
    settings = sealed_recipe(path).settings
    return _of_perturbed(settings, first) if PERTURBED_IMAGES in settings else _of_inversion(path, settings, first)


def _of_perturbed(settings: Mapping[str, Any], first: int | None) -> dict[str, Any]:
    """Return what is known of perturbed images: nothing was inverted."""
    known = {"random_seed": settings["random_seed"], "n_images": first or settings["n_images"]}
    return {"layer": LayerSetting.of(settings).text, "inversion_method": GIVEN, "seed_images": None, **known} | dict.fromkeys(
        ERRORS, float("nan")
    )


def _of_inversion(path: Path, settings: Mapping[str, Any], first: int | None) -> dict[str, Any]:
    arrays = {name: array[:first] for name, array in zip(PER_IMAGE, read_arrays(path, *PER_IMAGE), strict=True)}
    chosen = {"precision_used": read_attribute(path, "precision_used")} if settings.get("precision") == "auto" else {}
    return chosen | {"layer": LayerSetting.of(settings).text} | match_columns(settings, arrays)


def require_convergence(matches: Sequence[dict[str, Any]], minimum_converged_fraction: float) -> None:
    """Refuse to score inversions of which too few images converged.

    Raises
    ------
    ConvergenceError
        Naming each such inversion with its errors.
    """
    short = [match for match in matches if match["converged_fraction"] < minimum_converged_fraction]
    if short:
        lines = [
            f"  layer {match['layer']}, random seed {match['random_seed']}: {match['converged_fraction']:.1%} converged, "
            f"error median {match['inversion_error_median']:.3g}, 90th percentile {match['inversion_error_p90']:.3g}"
            for match in short
        ]
        raise ConvergenceError(
            f"Expected at least {minimum_converged_fraction:.0%} of the images to reach the tolerance "
            f"{short[0]['tolerance']:g}; got fewer in {len(short)} of {len(matches)} inversions:\n"
            + "\n".join(lines)
            + "\nRaise inversion.max_iterations, loosen inversion.tolerance, or choose another layer."
        )
