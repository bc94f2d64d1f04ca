"""Stage representation: what one target model makes of X and of one reference model's X'.

Needs: the target model's checkpoint, the dataset, all IRIs of the reference model.
Gives: results/representations/REFERENCE/TARGET.METHOD-KEY.h5: m2(X) and m2(X') per layer and random seed.
"""

REPRESENTATION = "results/representations/{name}.h5"


rule representation:
    """What one target model makes of X and of one reference model's X'."""
    input:
        made_from(REPRESENTATION),
    output:
        REPRESENTATION,
    log:
        "results/logs/representation/{name}.log",
    threads: threads_of(REPRESENTATION)
    resources:
        gpu=GPU,
    params:
        order=order(REPRESENTATION),
    shell:
        DO
