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
    benchmark:
        "results/benchmarks/score/{name}.tsv"
    threads: PLAN.threads
    params:
        arguments=arguments(SCORE),
    shell:
        "{MAKE} {params.arguments} 2>&1 | tee {log}"
