"""Reasons why a peer's number is wrong or another quantity, from its source; by measure and peer, "*" for any measure."""

PREAMBLE = """\
One error recurs: *products before centring*. If uncentred features are multiplied in float32 and their means are far from
0, the means dominate every product, and the remaining digits are rounding errors. Centring the product afterwards
does not restore them. Packages that use float64 (ckatorch) or centre first are not affected."""

EARLY = "products before centring"

REASONS: dict[tuple[str, str], str] = {
    ("linear_cka", "stir-invariance"): f"{EARLY}, in `CKA_pytorch.linear_HSIC`.",
    ("*", "rsatoolbox"): (
        f"{EARLY}: `calc_rdm_euclidean` computes squared distances as squared norms minus twice the product, in the type of its "
        "input and without centring."
    ),
    ("*", "thingsvision"): f"{EARLY}, in `CKANumPy.linear_kernel` and `rbf_kernel`.",
    ("*", "pytorch-cka"): (
        "the result is clamped to [0, 1], so that a negative estimate reads 0; "
        f"and {EARLY}, whose outcome the clamp makes look like a similarity."
    ),
    ("*", "cka-pytorch"): (
        "`_compute_final_cka` adds 1e-4 to HSIC(K, K) HSIC(L, L) before the square root: the smaller the features, the smaller "
        f"the value, that of a representation with itself too; and {EARLY}."
    ),
    ("*", "torch_cka"): f"{EARLY}, in `compare`: HSIC(K, K) itself can come out negative.",
    ("linear_cka_debiased", "stir-invariance"): f"{EARLY}, in `unbiased_linear_HSIC`.",
    ("minibatch_cka", "stir-invariance"): (
        "`unbiased_linear_HSIC` ends in `/ n_samples * (n_samples - 3)` where equation 3 divides by n (n - 3). With n alike "
        f"in all minibatches the factor cancels; a minibatch of fewer images counts too little. And {EARLY}."
    ),
    ("minibatch_cka", "ckatorch"): (
        "`CKA.__call__` assigns `cka_epoch[i, j] = cka_batch(x, y)` in the loop over minibatches: each overwrites the one "
        "before, and the value is that of the last. (Its `cka_batch`, of equal minibatches in one tensor, sums as it should.)"
    ),
    ("linear_cka_debiased", "repsim"): (
        "`core_CKA` divides the unbiased HSIC by biased ones (`util_HSIC_gretton`), whichever estimator was asked for."
    ),
    ("rbf_cka", "ckatorch"): (
        "another bandwidth: `rbf_kernel` takes the median of all entries of the distance matrix, the zeros on its diagonal "
        "included; the difference falls as 1/n."
    ),
    ("rbf_cka_debiased", "ckatorch"): "another bandwidth, as for the biased estimate.",
    ("rbf_cka", "stir-invariance"): f"{EARLY}, in `rbf`, whose distances are differences of them.",
    ("rbf_cka_debiased", "repsim"): "as for debiased linear CKA, the unbiased HSIC is divided by biased ones.",
    ("svcca", "repsim"): (
        "`core_SVCCA` replaces each representation by an orthonormal basis before it looks for the components that keep 99% of "
        "the variance: in a basis all have the same. It then divides the sum by the number of dimensions before the reduction."
    ),
    ("svcca", "deep-reps"): (
        "`compute_standard_svcca` divides the sum of the canonical correlations by the number of features of x, not by "
        "the number of components kept."
    ),
    ("pwcca", "repsim"): "another quantity: `core_PWCCA` averages the values weighted by x and weighted by y.",
    ("pwcca", "similarity-repository"): (
        "`compute_pwcca` (code of Google's repository) takes the singular vectors for the canonical variates without multiplying "
        "by the inverse root of the covariance, adds the means to them again, and weights by products with features as they are."
    ),
    ("mean_cca", "similarity-repository"): (
        "another quantity: `get_cca_similarity` (code of Google's repository) takes the mean of the leading correlations that "
        "add up to 98% of the sum; it is above the mean of all."
    ),
    ("procrustes", "deep-reps"): (
        "`orthogonal_procrustes` does not centre, so a mean that both have counts as similarity; and the rounding of float32 can "
        "make the distance the root of a negative number. (Its distance becomes a similarity with the norms of what it got.)"
    ),
    ("linear_regression", "deep-reps"): (
        "`aligned_linear_regression` does not centre: a regression through the origin, whose explained part includes the means."
    ),
    ("rsa_pearson_euclidean", "rsatoolbox"): (
        "another quantity: its `euclidean` is the squared distance, which ranks as the distance does, but correlates "
        f"otherwise. And {EARLY}, in `calc_rdm_euclidean`."
    ),
    ("mean_pnka", "scikit-learn"): f"{EARLY}: `linear_kernel` multiplies, and `KernelCenterer` centres.",
}


def reason(measure: str, peer: str) -> str:
    """Return why a peer's number is wrong; a wrong number without a documented reason is refused.

    Raises
    ------
    KeyError
        If no reason is written down.
    """
    found = REASONS.get((measure, peer)) or REASONS.get(("*", peer))
    if found is None:
        raise KeyError(f"{peer} is wrong in {measure}, and {__name__} has no reason for it. Read its source and add the reason.")
    return found
