"""A statement that the experiment cannot answer is refused before any job runs."""

import re

import pytest

from stir_workflow.planning.meaning import check_meaning
from tests.experiment_files import QUICKSTART, edited


@pytest.mark.parametrize("statement", ["random_init", "losses_architectures", "random_init_layers"])
def test_statements_that_the_quickstart_answers_are_accepted(quickstart, load, statement):
    check_meaning(load(edited(quickstart, {"evaluation.eps": 1.0}) | {"statements": [statement]}), QUICKSTART)


LACKING = [
    (
        {"statements": ["random_init", "defences"]},
        r"statements\[1\]: Statement 'defences': Expected models of two of the defences",
    ),
    ({"statements": ["more_data"]}, r"statements\[0\]: Statement 'more_data': Expected .*n_train"),
    ({"statements": ["training_datasets"]}, r"statements\[0\]: .*two models of different training datasets"),
    ({"statements": ["random_init"], "similarity_measures": ["rbf_cka"]}, "Expected scores by 'linear_cka'"),
    ({"statements": ["random_innit"]}, r"statements\[0\]: unknown 'random_innit'. Did you mean 'random_init'"),
]


@pytest.mark.parametrize(("more", "message"), LACKING, ids=[str(more) for more, _ in LACKING])
def test_a_statement_without_its_models_or_measure_is_refused(quickstart, refusal, more, message):
    (line,) = refusal(quickstart | more)
    assert re.search(message, line), line


def test_models_of_one_kind_alone_are_refused(quickstart, refusal):
    (line,) = refusal(quickstart | {"statements": ["random_init"], "models": quickstart["models"][:2]})
    assert "two at models that differ in their training seed" in line
