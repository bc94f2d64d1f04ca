"""Every public function and class has an example in its docstring, and the examples give what they say."""

import doctest
import inspect
import warnings
from importlib import import_module
from pathlib import Path

import pytest
from matplotlib import pyplot as plt

from scripts.site_reference import public_names

REFERENCE = Path(__file__).parents[1] / "docs/reference"
WHOLE = ["stir", "stir.inversion", "stir.similarity", "stir.plotting", "stir.models", "stir.data", "stir.training"]
"""Packages of which every public name is in the reference."""
DOCUMENTED = sorted({name for page in REFERENCE.glob("*.md") for name in public_names(page.read_text(encoding="utf-8"))})


def _of(name):
    package, _, own = name.rpartition(".")
    return getattr(import_module(package), own)


def _identity(name):
    """The same for two names of one function, class or constant."""
    return id(_of(name))


def _is_explained_by_an_example(name):
    """Functions and classes are; exceptions are explained by the example of their module."""
    value = _of(name)
    return inspect.isroutine(value) or (inspect.isclass(value) and not issubclass(value, BaseException))


EXPLAINED = [name for name in DOCUMENTED if _is_explained_by_an_example(name)]


@pytest.mark.parametrize("package", WHOLE)
def test_every_public_name_is_in_the_reference(package):
    documented = {_identity(name) for name in DOCUMENTED}
    names = [f"{package}.{name}" for name in import_module(package).__all__]
    missing = [name for name in names if not inspect.ismodule(_of(name)) and _identity(name) not in documented]
    assert not missing, f"Add ::: {missing} to a page of docs/reference."


def _examples(name, text):
    return doctest.DocTestParser().get_doctest(inspect.cleandoc(text or ""), {}, name, None, None)


@pytest.mark.parametrize("name", EXPLAINED)
def test_examples_give_what_they_say(name, tmp_path, monkeypatch):
    test = _examples(name, _of(name).__doc__)
    assert any(example.want for example in test.examples), f"Give the docstring of {name} an example with its output."
    _check(test, tmp_path, monkeypatch)


def test_the_example_of_the_errors_gives_what_it_says(tmp_path, monkeypatch):
    test = _examples("stir.errors", import_module("stir.errors").__doc__)
    assert test.examples
    _check(test, tmp_path, monkeypatch)


def _check(test, folder, monkeypatch):
    monkeypatch.chdir(folder)
    report = []
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    with warnings.catch_warnings():
        # A reader would see a warning that the example does not show.
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", category=DeprecationWarning, module="torch")
        runner.run(test, out=report.append)
    plt.close("all")
    assert not runner.failures, "\n".join(report)
