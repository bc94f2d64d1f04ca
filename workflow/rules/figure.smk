"""Stage figure: the experiment's figures, under fixed names.

Needs: the tables, the dataset, the IRIs of the first random seed.
Gives: results/figures/EXPERIMENT-*.png and .svg, and a stamp that stands for them.
"""

FIGURE = "results/figures/{name}.stamp"


rule figure:
    """The experiment's figures, under fixed names."""
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
