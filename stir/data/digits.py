"""scikit-learn's digits: 1,797 real handwritten digits, 8x8 grey, shipped with the package.

Source: the UCI collection "Optical Recognition of Handwritten Digits" (Alpaydin and
Kaynak 1998), its test part.
"""

import numpy as np

WHITE_LEVEL = 16


def load_digits() -> tuple[np.ndarray, np.ndarray, int]:
    """Return images (n, 1, 8, 8) as integers, labels (n,), and the value of white."""
    from sklearn.datasets import load_digits as load

    digits = load()
    return digits.images.astype(np.uint8)[:, None], digits.target.astype(np.int64), WHITE_LEVEL
