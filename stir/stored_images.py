"""Images in an HDF5 dataset, read and written in batches, so that memory does not depend on their number."""

import os
from typing import TYPE_CHECKING, TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor

if TYPE_CHECKING:
    import h5py


class StoredImages:
    """n images on disk that are indexed like a tensor, by slices and by image indices.

    Parameters
    ----------
    dataset : h5py.Dataset
        (n, ...), of any numeric type.
    white_level : float
        Stored value that represents 1.
    first : int, optional
        Number of images to use; by default all.
    dtype : torch.dtype
        Type of the tensors that are read.

    Examples
    --------
    >>> import h5py
    >>> from sklearn.datasets import load_digits
    >>> from stir.stored_images import StoredImages
    >>> dataset = h5py.File("digits.h5", "w").create_dataset("images", data=load_digits().images[:, None])
    >>> images = StoredImages(dataset, white_level=16, first=100)
    >>> images.shape
    (100, 1, 8, 8)
    >>> images[:10].max().item()
    1.0
    >>> images.close()
    """

    device = torch.device("cpu")

    def __init__(
        self, dataset: "h5py.Dataset", *, white_level: float = 1, first: int | None = None, dtype: torch.dtype = torch.float32
    ) -> None:
        self._dataset, self._white_level, self.dtype = dataset, white_level, dtype
        self.shape = (len(range(len(dataset))[:first]), *dataset.shape[1:])

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, which: "slice | Tensor") -> Float[Tensor, "k ..."]:
        if isinstance(which, slice):
            start, stop, _ = slice(which.start, which.stop).indices(len(self))
            values = torch.from_numpy(self._dataset[start:stop])
        else:
            numbers = which.tolist()
            values = torch.stack([torch.from_numpy(self._dataset[number]) for number in numbers]) if numbers else self[:0]
        return values.to(self.dtype).div_(self._white_level)

    def __setitem__(self, which: Tensor, images: Float[Tensor, "k ..."]) -> None:
        for number, image in zip(which.tolist(), images.cpu(), strict=True):
            self._dataset[number] = image.numpy()

    def flush(self) -> None:
        """Flush all written images to the disk."""
        self._dataset.file.flush()
        os.fsync(self._dataset.file.id.get_vfd_handle())

    def close(self) -> None:
        """Close the file."""
        self._dataset.file.close()


Images: TypeAlias = Tensor | StoredImages
"""n images in memory or on disk; both have shape, dtype and device, and are indexed in the same way."""
