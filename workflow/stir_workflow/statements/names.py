"""The statements by name, and the poster's sentence of each; nothing is imported."""

SENTENCES = {
    "random_init": (
        "Models trained with AT have higher STIR scores than vanilla ones; "
        "CKA is high in both cases and does not tell them apart."
    ),
    "losses_architectures": (
        "Adversarial training leads to higher STIR scores across losses and architectures; "
        "STIR is higher when residual networks are the reference."
    ),
    "training_datasets": (
        "Shared invariance drops for later layers; the drop is lesser for AT than for vanilla; "
        "the drop of STIR is higher than that of CKA."
    ),
    "random_init_layers": "AT consistently leads to higher STIR across layers.",
    "defences": "TRADES, MART and AT: despite similar l_p-ball robustness, only moderate STIR between them.",
    "more_data": "STIR rises monotonically as data are added, with diminishing returns.",
}
"""After arXiv 2206.11939's poster, in the order in which it makes them."""

NAMES = tuple(SENTENCES)
