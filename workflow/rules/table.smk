"""Stage table: the experiment's tables.

Needs: all scores, evaluations and checkpoints (their normalisation).
Gives: EXPERIMENT.csv, -summary.csv, -models.csv and -metrics.json in results/tables/EXPERIMENT-KEY/, and a stamp
beside it that stands for them.
"""

TABLE = "results/tables/{name}.stamp"


rule table:
    """The experiment's tables."""
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
