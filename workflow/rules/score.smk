"""Stage score: STIR and plain similarity of one reference model against all target models.

Needs: the representations with this reference, its IRIs' errors.
Gives: results/scores/REFERENCE.METHOD-KEY.csv.
"""

SCORE = "results/scores/{name}.csv"


rule score:
    """STIR and plain similarity of one reference model against all target models."""
    input:
        made_from(SCORE),
    output:
        SCORE,
    log:
        "results/logs/score/{name}.log",
    threads: threads_of(SCORE)
    params:
        order=order(SCORE),
    shell:
        DO
