"""The state of an inversion under way, with the pictures found so far."""

import uuid
from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from stir.files import open_file
from stir.snapshots import Snapshot, State
from stir.stored_images import StoredImages

if TYPE_CHECKING:
    import h5py


PICTURES = "pictures"
"""The entry of a state that names the file of pictures that it is worth something with."""


class InversionSnapshot(Snapshot):
    """A file that holds the newest state, at most ``seconds`` and one iteration old, and a file of the pictures found.

    Parameters
    ----------
    path : Path
        Written whole or not at all; removed by `discard`.
    seconds : float
        Time between two writings.

    Examples
    --------
    >>> import torch, stir
    >>> from pathlib import Path
    >>> from stir.inversion import InversionSnapshot
    >>> images = torch.rand(8, 1, 8, 8, generator=torch.manual_seed(0))
    >>> model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 4), torch.nn.Linear(4, 2))
    >>> snapshot = InversionSnapshot(Path("snapshot"))
    >>> inversion = stir.invert(model, images, random_seed=0, snapshot=snapshot)
    >>> iris = inversion.iri_images[:]
    >>> snapshot.discard()
    >>> iris.shape
    torch.Size([8, 1, 8, 8])
    """

    def __init__(self, path: Path, *, seconds: float = 20.0) -> None:
        super().__init__(path, seconds=seconds)
        self._pictures_path = self._beside("pictures")
        self._pictures: StoredImages | None = None
        self._name_of_pictures = ""

    def pictures(self, shape: tuple[int, ...], dtype: torch.dtype) -> StoredImages:
        """Open the pictures found so far; a state is worth nothing without them."""
        stored = torch.float64 if dtype == torch.float64 else torch.float32
        dataset = _open(self._pictures_path, shape, stored)
        if dataset is None:
            self.path.unlink(missing_ok=True)
            dataset = _create(self._pictures_path, shape, stored)
        self._name_of_pictures = dataset.attrs["name"]
        self._pictures = StoredImages(dataset, dtype=stored)
        return self._pictures

    def load(self, expected: Mapping[str, Any]) -> State | None:
        """Return the state, if there is one of the same work and of these pictures.

        A job that a cluster runs twice, since its run was killed and began again, writes states
        beside the other's pictures.

        Parameters
        ----------
        expected : mapping
            Entries that the state must have.
        """
        return super().load({**expected, PICTURES: self._name_of_pictures})

    def discard(self) -> None:
        """Remove the files; call it when the result is safe."""
        if self._pictures is not None:
            self._pictures.close()
        super().discard()
        self._pictures_path.unlink(missing_ok=True)

    def _write(self, state: State) -> None:
        if self._pictures is not None:
            self._pictures.flush()
        super()._write({**state, PICTURES: self._name_of_pictures})


def _open(path: Path, shape: tuple[int, ...], dtype: torch.dtype) -> "h5py.Dataset | None":
    """Open the pictures of a file, to be written to as well: only if all of them lie in the file itself, not behind a link."""
    import h5py

    from stir.hdf5 import opened

    try:
        open_file(path, follow_links=False).close()
        file = opened(path, "r+")
    except OSError:
        return None
    if isinstance(file.get("images", getlink=True), h5py.HardLink) and isinstance(dataset := file["images"], h5py.Dataset):
        own = not dataset.is_virtual and not dataset.external
        if own and dataset.shape == shape and str(dtype).endswith(str(dataset.dtype)) and "name" in dataset.attrs:
            return dataset
    file.close()
    return None


def _create(path: Path, shape: tuple[int, ...], dtype: torch.dtype) -> "h5py.Dataset":
    import h5py

    from stir.hdf5 import check_space, opened

    path.unlink(missing_ok=True)
    check_space(path, prod(shape) * dtype.itemsize)
    places = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    # From here on only pixels are written, each at its place, so that a file that a kill leaves behind opens again.
    places.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    dataset = opened(path, "x").create_dataset("images", shape, dtype=str(dtype).removeprefix("torch."), dcpl=places)
    dataset.attrs["name"] = uuid.uuid4().hex
    dataset.file.flush()
    return dataset
