"""scikit-learn's digits: 1,797 real handwritten digits, 8x8 grey, shipped with the package.

Source: the UCI collection "Optical Recognition of Handwritten Digits" (Alpaydin and
Kaynak 1998), its test part.
"""

import numpy as np

from stir.data.collection import Collection, Part

WHITE_LEVEL = 16


def load_digits() -> Collection:
    """Return images (n, 1, 8, 8) as integers from 0 to 16."""
    from sklearn.datasets import load_digits as load

    digits = load()
    return Collection(Part.of_arrays(digits.images.astype(np.uint8)[:, None], digits.target), None, WHITE_LEVEL)
