"""Stage table: the experiment's tables, under fixed names.

Needs: all scores and evaluations.
Gives: results/tables/EXPERIMENT.csv, -summary.csv, -models.csv, and a stamp that stands for them.
"""

TABLE = "results/tables/{name}.stamp"


rule table:
    """The experiment's tables, under fixed names."""
    input:
        made_from(TABLE),
    output:
        TABLE,
    log:
        "results/logs/table/{name}.log",
    params:
        order=order(TABLE),
    shell:
        DO
