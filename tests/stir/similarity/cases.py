"""Valid and invalid representations."""

import numpy as np
import pytest
import torch

# Feature space is the cheaper for d much smaller than n, Gram space for d much larger; the last has one of each.
SHAPES = pytest.mark.parametrize(("n", "d1", "d2"), [(200, 7, 11), (20, 300, 90), (40, 3, 500)], ids=["d<n", "d>n", "mixed"])
NARROW = pytest.mark.parametrize(("n", "d1", "d2"), [(200, 7, 11), (60, 20, 9)], ids=["n=200", "n=60"])

WRONG = pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda x: x.index_fill(0, torch.tensor([4]), torch.nan), r"finite {}; got NaN or infinity for image 4.*overflow"),
        (lambda x: x.index_fill(0, torch.tensor([6]), -torch.inf), r"finite {}; got NaN or infinity for image 6.*overflow"),
        (lambda x: x.long(), r"{} as a floating-point tensor.*torch\.int64.*\.float\(\)"),
        (lambda x: x.long().numpy(), r"{} as a floating-point tensor.*int64"),
        (lambda x: x.tolist(), r"{} as a floating-point tensor.*list"),
        (lambda x: x[:, 0], r"{} of shape \(n, d\); got \(30,\).*{}\.flatten\(1\)"),
        (lambda x: x[:, :, None], r"{} of shape \(n, d\); got \(30, 5, 1\).*{}\.flatten\(1\)"),
        (lambda x: x[:, :0], r"{} of shape \(n, d\); got \(30, 0\)"),
        (lambda x: x[:1].expand(30, -1), r"differ between images in {}; all 30 images.*choose another layer"),
        (lambda x: x * 1e80, r"{} with entries up to 1e\+70.*got entries up to .*e\+8.*Multiply {} by a constant"),
        (lambda x: x * 1e-80, r"{} with entries up to 1e\+70.*spread of .*e-7\d"),
    ],
    ids=["nan", "infinity", "integers", "numpy", "list", "1-d", "3-d", "no features", "constant", "huge", "tiny"],
)


def related_pair(n, d1, d2, *, random_seed=0):
    """Two representations that share part of their information."""
    random = np.random.default_rng(random_seed)
    common = random.normal(size=(n, 3))
    x = common @ random.normal(size=(3, d1)) + random.normal(size=(n, d1)) + 5 * random.normal(size=d1)
    y = np.tanh(common) @ random.normal(size=(3, d2)) + random.normal(size=(n, d2)) - 2
    return torch.from_numpy(x), torch.from_numpy(y)


def rotation(d, *, random_seed=1):
    return torch.linalg.qr(torch.randn(d, d, generator=torch.Generator().manual_seed(random_seed), dtype=torch.float64))[0]


def centred(x):
    """As float64 NumPy."""
    x = x.double().numpy()
    return x - x.mean(axis=0)


def shuffled(n):
    return torch.randperm(n, generator=torch.Generator().manual_seed(0))
