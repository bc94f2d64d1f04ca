"""The real Fashion-MNIST, where Debian's package is installed."""

import numpy as np
import pytest

from stir.data.dataset import load_split
from stir.data.fashion_mnist import DEBIAN


@pytest.mark.skipif(not DEBIAN.is_dir(), reason="Debian's package dataset-fashion-mnist is not installed")
def test_it_has_all_images(tmp_path):
    split = load_split({"name": "fashion_mnist"}, source=tmp_path, generator=np.random.default_rng(0))
    assert np.bincount(split.train_labels).tolist() == [6000] * 10
    assert np.bincount(split.test_labels).tolist() == [1000] * 10
    assert split.class_names[:2] == ("T-shirt/top", "Trouser")
    trousers = split.train_images[split.train_labels == 1].mean(axis=(0, 1))
    assert trousers[:, 14].mean() > 3 * trousers[:, 2].mean(), "trousers are upright in the middle"
