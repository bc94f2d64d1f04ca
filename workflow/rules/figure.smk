"""Stage figure: the experiment's figures.

Needs: the tables, the dataset, the IRIs of the first random seed.
Gives: EXPERIMENT-*.png and .svg in results/figures/EXPERIMENT-KEY/, and a stamp beside it that stands for them.
"""

FIGURE = "results/figures/{name}.stamp"


rule figure:
    """The experiment's figures."""
    input:
        made_from(FIGURE),
    output:
        FIGURE,
    log:
        "results/logs/figure/{name}.log",
    params:
        order=order(FIGURE),
    shell:
        DO
