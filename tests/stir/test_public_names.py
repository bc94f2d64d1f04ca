"""The public names: few, documented, and imported when first used."""

import inspect
import re
import subprocess
import sys
from dataclasses import fields
from importlib.metadata import version

import pytest

import stir
import stir.inversion
import stir.models
import stir.similarity
import stir.training
from stir.drop_in_result import STIRResult

FUNCTIONS = [getattr(stir, name) for name in stir.__all__ if inspect.isfunction(getattr(stir, name))]


def _modules_after(statement):
    code = f"{statement}; import sys; print(*sys.modules)"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()


@pytest.mark.parametrize(
    "statement",
    [
        "import stir",
        "import stir_workflow.store.identity",
        "import stir.errors",
        "import stir.data",
        "import stir.inversion.settings",
    ],
)
def test_light_imports_bring_no_torch(statement):
    modules = _modules_after(statement)
    assert "stir" in modules
    assert not {"torch", "numpy", "pandas", "matplotlib"} & set(modules)


def test_a_public_name_brings_torch():
    assert "torch" in _modules_after("import stir; stir.represent")


def test_a_job_that_downloads_nothing_imports_no_client_of_the_web():
    loaders = "stir.data.dataset, stir.data.fashion_mnist, stir.data.torchvision_datasets"
    modules = set(_modules_after(f"import stir.models, {loaders}"))
    assert "stir.downloads" in modules
    assert not {"requests", "urllib3", "pooch"} & modules


def test_every_public_name_resolves():
    assert set(stir.__all__) == {
        "STIR",
        "Inversion",
        "Normalise",
        "SharedInvariance",
        "SharedInvarianceMatrix",
        "errors",
        "invariance",
        "invert",
        "load",
        "load_checkpoint",
        "plotting",
        "represent",
        "shared_invariance",
        "shared_invariance_matrix",
        "similarity",
    }
    for name in stir.__all__:
        assert getattr(stir, name).__name__.split(".")[-1] == name
        assert name in dir(stir)


def test_the_version_is_that_of_the_distribution():
    assert stir.__version__ == version("stir-workflow")
    with pytest.raises(AttributeError):
        stir.no_such_name  # noqa: B018


def test_the_name_of_the_function_is_not_its_module():
    assert callable(stir.shared_invariance)
    assert "stir.shared_invariance" in sys.modules


@pytest.mark.parametrize(
    "package", [stir.similarity, stir.models, stir.training, stir.inversion], ids=lambda package: package.__name__
)
def test_names_of_the_packages_resolve(package):
    assert package.__all__ in (sorted(package.__all__, key=_isort_order), sorted(package.__all__))
    for name in package.__all__:
        assert hasattr(package, name)


def _isort_order(name):
    """Constants, classes, functions."""
    return (not name.isupper(), not name[0].isupper(), name)


@pytest.mark.parametrize("function", [*FUNCTIONS, stir.similarity.linear_cka], ids=lambda function: function.__name__)
def test_public_functions_document_every_parameter(function):
    text = inspect.getdoc(function)
    parameters = re.search(r"^Parameters\n-{10}\n(.*?)\n\n[A-Z]\w+\n---", text, re.DOTALL | re.MULTILINE).group(1)
    documented = {
        name for line in re.findall(r"^\S.*", parameters, re.MULTILINE) for name in re.findall(r"\w+", line.split(" : ")[0])
    }
    assert documented == set(inspect.signature(function).parameters)
    assert re.search(r"^Returns\n-------\n\S", text, re.MULTILINE)
    assert re.search(r"^Raises\n------\n\S", text, re.MULTILINE)


def test_fields_of_public_results_are_documented():
    for result in (stir.Inversion, stir.SharedInvariance, STIRResult):
        source = inspect.getsource(result)
        for field in fields(result):
            assert re.search(rf'^    {field.name}: .*\n    """\S', source, re.MULTILINE), field.name
