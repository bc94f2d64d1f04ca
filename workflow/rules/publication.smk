"""Stage publication: tables and figures under names that stay when a setting changes.

Needs: the tables, the figures.
Gives: copies as results/tables/EXPERIMENT*.csv, -metrics.json and results/figures/EXPERIMENT-*.png and .svg;
results/publications/EXPERIMENT-KEY.stamp stands for them.
"""

PUBLICATION = "results/publications/{name}.stamp"


rule publication:
    """Tables and figures under names that stay when a setting changes."""
    input:
        made_from(PUBLICATION),
    output:
        PUBLICATION,
    log:
        "results/logs/publication/{name}.log",
    params:
        order=order(PUBLICATION),
    shell:
        DO
