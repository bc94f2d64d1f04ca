"""The result for several models: scores of all pairs as the workflow's files hold them, and the inversion of each model."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from stir.data.hdf5_files import read_hdf5
from stir.errors import DatasetError, check_known
from stir.hdf5 import Labelled, opened
from stir.inversion import Inversion
from stir.results import Result, damaged
from stir.score_files import COLUMNS, PAIRS, PER_IMAGE, ROWS, WITHOUT_EACH, Scores, columns_as_arrays, names_of_columns, table_of

if TYPE_CHECKING:
    import pandas as pd

INVERSIONS, IRIS = "inversions", "iris"
"""Groups of the file: a table with a row per inversion, and its arrays under its number."""
COLUMNS_OF_INVERSIONS = "columns_of_inversions"
MOST_SHOWN = 12
"""Models whose matrix is shown as text."""


@dataclass(frozen=True, eq=False, repr=False)
class SharedInvarianceMatrix(Result):
    """STIR of every target model given every reference model, beside its controls.

    Examples
    --------
    >>> import torch, stir
    >>> from sklearn.datasets import load_digits
    >>> from stir.models import Architecture, build_model
    >>> images = torch.tensor(load_digits().images[:30, None] / 16).float()
    >>> first, second = (build_model(Architecture("resnet8", 8, 1, 10), random_seed=i).eval() for i in (0, 1))
    >>> matrix = stir.shared_invariance_matrix([first, second], images, tolerance=0.1)
    >>> matrix.models
    ['m1', 'm2']
    >>> matrix.to_frame()[["reference_model", "target_model", "n_images"]]
      reference_model target_model  n_images
    0              m1           m1        30
    1              m1           m2        30
    2              m2           m1        30
    3              m2           m2        30
    """

    UNITS: ClassVar[Mapping[str, str]] = {}

    rows: "pd.DataFrame"
    """One row per reference, target, layer and similarity measure, as the workflow's files of scores hold it."""
    without_each: np.ndarray
    """(rows, n): STIR of each row without each image; NaN where the measure has no jackknife or there are too few images."""
    pairs: "pd.DataFrame"
    """Which reference, target and layer each row of ``per_image`` belongs to."""
    per_image: np.ndarray
    """(pairs, n): PNKA of m2(X) and m2(X') of every image; NaN where it is undefined."""
    images_dataset: str = ""
    """Name of the images in tables and figures; empty if they have none."""
    inversions: Mapping[tuple[str, str], Inversion] = field(default_factory=dict)
    """Reference model and its layer -> its inversion; empty for files of scores of the workflow, which keeps them elsewhere."""

    @property
    def models(self) -> list[str]:
        """Names of the models, references first, in their order."""
        return list(dict.fromkeys([*self.rows["reference_checkpoint"], *self.rows["target_checkpoint"]]))

    def to_frame(self) -> "pd.DataFrame":
        """Return the table of scores with the columns of the workflow's ``results/tables/NAME.csv``."""
        import pandas as pd

        from stir.flags import of_scores
        from stir.tables import score_table

        named = [{"name": name, "checkpoint": name} for name in self.models]
        table = score_table([self.rows], named, [self.images_dataset]).reset_index(drop=True)
        return table.assign(flags=of_scores(table, pd.DataFrame(columns=["model", "objective", "flag"])))

    def matrix(self, column: str = "stir", *, similarity_measure: str | None = None, layer: int = -1) -> "pd.DataFrame":
        """Return one column of the table as a matrix, with the reference in rows and the target in columns.

        Parameters
        ----------
        column : str
            Of `to_frame`, such as ``"stir"``, ``"similarity"`` or ``"stir_excess"``.
        similarity_measure : str, optional
            By default the first one.
        layer : int
            Position of the layer among those of each model; by default the last one.

        Raises
        ------
        InvalidInputError
            If there is no such column, measure or layer.
        """
        from stir.table_layers import layer_positions

        table = self.to_frame()
        check_known("column", column, list(map(str, table)))
        measures = list(table["similarity_measure"].unique())
        measure = measures[0] if similarity_measure is None else similarity_measure
        check_known("similarity measure", measure, measures)
        positions = layer_positions(table)
        count = int(positions.max()) + 1
        check_known("layer", str(layer), [str(number) for number in range(-count, count)])
        chosen = table[(table["similarity_measure"] == measure) & (positions == layer % count)]
        matrix = chosen.pivot_table(column, "reference_model", "target_model", sort=False, dropna=False)
        return matrix.reindex(index=chosen["reference_model"].unique(), columns=chosen["target_model"].unique())

    def arrays(self) -> dict[str, Labelled]:
        """Return the arrays of a file: those of the workflow's files of scores, and those of its files of inversions."""
        arrays = {**Scores(self.rows, self.without_each, self.pairs, self.per_image).arrays()}
        arrays |= columns_as_arrays(self._inversion_table(), INVERSIONS)
        for number, inversion in enumerate(self.inversions.values()):
            arrays |= {f"{IRIS}/{number}/{name}": array for name, array in inversion.arrays().items()}
        return arrays

    def values(self) -> dict[str, Any]:
        """Return what the file's JSON holds."""
        return {"images_dataset": self.images_dataset}

    def attributes(self) -> dict[str, Any]:
        """Return the attributes of a file."""
        scores = Scores(self.rows, self.without_each, self.pairs, self.per_image)
        return {**super().attributes(), **scores.attributes(), COLUMNS_OF_INVERSIONS: json.dumps(list(self._inversion_table()))}

    def _inversion_table(self) -> "pd.DataFrame":
        import pandas as pd

        found = [
            {"model": model, "layer": layer, "values": json.dumps(each.values())}
            for (model, layer), each in self.inversions.items()
        ]
        return pd.DataFrame(found, columns=["model", "layer", "values"])

    @classmethod
    def from_file(cls, path: Path, values: Mapping[str, Any], folder: str = "") -> Self:  # noqa: ARG003
        """Read a saved matrix, or a file of scores of the workflow, which is not trusted.

        Raises
        ------
        InvalidInputError
            If a table or an array is missing, or they do not go together.
        """
        try:
            rows, pairs = (_table(path, group, attribute) for group, attribute in COLUMNS.items())
            arrays = read_hdf5(path, lambda _: [WITHOUT_EACH, PER_IMAGE])[0]
            inverted = _table(path, INVERSIONS, COLUMNS_OF_INVERSIONS)
        except (OSError, ValueError, KeyError, TypeError, RecursionError, DatasetError) as error:
            raise damaged(path, f"the scores cannot be read: {error}") from error
        _check(path, rows, pairs, arrays)
        inversions = {
            (str(row.get("model")), str(row.get("layer"))): Inversion.from_file(
                path, _values(path, row.get("values")), f"{IRIS}/{number}/"
            )
            for number, row in enumerate(inverted.to_dict("records"))
        }
        return cls(rows, arrays[WITHOUT_EACH], pairs, arrays[PER_IMAGE], str(values.get("images_dataset", "")), inversions)

    def __repr__(self) -> str:
        table = self.to_frame()
        measures, layers = table["similarity_measure"].unique(), table["reference_layer"].unique()
        different = table[table["reference_model"] != table["target_model"]]
        lines = [
            f"SharedInvarianceMatrix of {len(self.models)} models by {', '.join(measures)}; {table['n_images'].max()} images, "
            f"layers {', '.join(layers)}",
            f"  STIR of different models   median {different['stir'].median():.3f}, from {different['stir'].min():.3f} to "
            f"{different['stir'].max():.3f}",
            f"  converged images           at least {table['converged_fraction'].min():.0%} for each reference model",
        ]
        if len(self.models) <= MOST_SHOWN:
            matrix = self.matrix().rename_axis(index=None, columns=None)
            shown_matrix = matrix.to_string(float_format="{:.3f}".format, na_rep="-")
            lines += [
                f"  STIR(column | row), {measures[0]}, layer {layers[-1]}:",
                *(f"    {line}" for line in shown_matrix.splitlines()),
            ]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        from stir.plotting.notebooks import html_of_scores

        return html_of_scores(repr(self), self.to_frame())


def _table(path: Path, group: str, attribute: str) -> "pd.DataFrame":
    with opened(path) as file:
        names = names_of_columns(file.attrs.get(attribute, "[]"))
    arrays = read_hdf5(path, lambda _: [f"{group}/{name}" for name in names])[0]
    if len({np.shape(array)[:1] for array in arrays.values()} | {(len(arrays[f"{group}/{names[0]}"]),)} if names else ()) > 1:
        raise ValueError(f"columns of {group} differ in length")
    return table_of({name: arrays[f"{group}/{name}"] for name in names})


def _values(path: Path, text: object) -> dict[str, Any]:
    """Return the values of an inversion that are no arrays."""
    try:
        values = json.loads(text) if isinstance(text, str) else None
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, dict):
        raise damaged(path, "expected values of each inversion")
    return values


def _check(path: Path, rows: "pd.DataFrame", pairs: "pd.DataFrame", arrays: Mapping[str, np.ndarray]) -> None:
    """Refuse tables that lack columns, and arrays that do not fit them."""
    from stir.table_controls import P_HOLM
    from stir.tables import SCORE_COLUMNS, TEXT_COLUMNS

    made = {"reference_model", "target_model", P_HOLM, "images_dataset", "flags"}
    needed = [name for name in SCORE_COLUMNS if name not in made] + ["reference_checkpoint", "target_checkpoint"]
    if missing := [name for name in needed if name not in rows]:
        raise damaged(path, f"expected scores with the columns {', '.join(missing)}; they are of another version")
    texts = {*TEXT_COLUMNS, "similarity_measure", "seed_images"}
    if wrong := [name for name in needed if name not in texts and rows[name].dtype.kind not in "biuf"]:
        raise damaged(path, f"expected numbers in column {wrong[0]}")
    shapes = [arrays[name].shape for name in (WITHOUT_EACH, PER_IMAGE)]
    if rows.empty or any(len(shape) != 2 for shape in shapes) or [shape[0] for shape in shapes] != [len(rows), len(pairs)]:
        raise damaged(path, f"expected {WITHOUT_EACH} and {PER_IMAGE} of each row of {ROWS} and {PAIRS}; got {shapes}")
