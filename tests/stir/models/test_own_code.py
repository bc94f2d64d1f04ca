"""Python files and callables as models: run once they are named, identified by what they contain."""

import hashlib
import random
import sys
from types import ModuleType

import numpy as np
import pytest
import torch

from stir.errors import InvalidInputError
from stir.models import Architecture, build_model, layer_names, model_code

NET = """
from torch import nn
def make_net(width=2, num_classes=4):
    return nn.Sequential(nn.Flatten(), nn.Linear(12, num_classes))
"""


@pytest.fixture
def write(tmp_path):
    def write(**files):
        for name, text in files.items():
            path = tmp_path / f"{name.replace('__in__', '/')}.py"
            path.parent.mkdir(exist_ok=True, parents=True)
            path.write_text(text, encoding="utf-8")
        return tmp_path

    before, path = set(sys.modules), list(sys.path)
    yield write
    assert sys.path == path
    for name in set(sys.modules) - before:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


def _own(folder, name="models.py:make_net", **further):
    return Architecture(name, folder=folder, **further)


def test_a_callable_of_a_file_builds_a_network(write):
    folder = write(models=NET)
    model = build_model(_own(folder, classes=7), random_seed=3)
    assert model(torch.rand(2, 3, 2, 2)).shape == (2, 7), "the number of classes is an argument"
    assert build_model(_own(folder, arguments={"num_classes": 9}))(torch.rand(2, 3, 2, 2)).shape == (2, 9)
    again = build_model(_own(folder, classes=7), random_seed=3)
    torch.testing.assert_close(dict(again.state_dict()), dict(model.state_dict()), rtol=0, atol=0)
    assert not list(folder.glob("**/__pycache__")), "nothing is written beside it"


def test_a_path_is_relative_to_the_working_folder_where_no_folder_is_given(write, monkeypatch):
    monkeypatch.chdir(write(models=NET))
    assert build_model(Architecture("models.py:make_net"))(torch.rand(1, 3, 2, 2)).shape == (1, 4)


def test_a_file_is_identified_by_what_it_and_its_imports_contain(write):
    imports = "import parts\nfrom package.inner import value\nimport torch\ndef later():\n    from package import sibling\n"
    files = {"package__in____init__": "", "package__in__inner": "from . import other\nvalue = 1\n"}
    files |= {"package__in__other": "", "package__in__sibling": "", "package__in__unused": "", "parts": "import models\n"}
    folder = write(models=imports + NET, unused="", **files)
    code = model_code(_own(folder))["files"]
    seen = {"models.py", "parts.py", *(f"package/{name}.py" for name in ("__init__", "inner", "other", "sibling"))}
    assert set(code) == seen
    assert code["parts.py"] == hashlib.sha256(b"import models\n").hexdigest()
    write(parts="import models  # changed\n")
    assert model_code(_own(folder))["files"] != code
    assert "parts" not in sys.modules, "nothing is run to know what it is"


def test_what_a_file_draws_is_determined_by_the_random_seed(write):
    """Though it is run once, and draws from other generators, too; also where a plan has built it without values before."""
    drawn = "import random, numpy, torch\nBASE = torch.rand(2)\n" + NET
    drawn += """
def drawing():
    model = make_net()
    numbers = [float(BASE[0]), torch.rand(1).item(), numpy.random.rand(), random.random()]
    model.register_buffer("drawn", torch.tensor(numbers))
    return model
"""
    state = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()
    folder = write(models=drawn)
    layer_names(_own(folder, "models.py:drawing"))
    drawn = [build_model(_own(folder, "models.py:drawing"), random_seed=seed).network.drawn for seed in (1, 1, 2)]
    torch.testing.assert_close(drawn[0], drawn[1], rtol=0, atol=0)
    assert drawn[0][0] == drawn[2][0]
    assert (drawn[0][1:] != drawn[2][1:]).all()
    assert torch.equal(torch.get_rng_state(), state[0])
    assert (random.getstate(), np.random.get_state()[1].tolist()) == state[1:]


def test_a_changed_file_is_run_again(write):
    folder = write(models=NET)
    build_model(_own(folder))
    write(models=NET.replace("num_classes=4", "num_classes=6"))
    assert build_model(_own(folder))(torch.rand(1, 3, 2, 2)).shape == (1, 6)


def test_modules_of_one_name_in_two_folders_are_not_mixed(write, tmp_path):
    main = "from parts import n\nfrom torch import nn\ndef make_net():\n    return nn.Linear(1, n)\n"
    write(**{"a__in__models": main, "b__in__models": main, "a__in__parts": "n = 2\n", "b__in__parts": "n = 3\n"})
    sizes = [build_model(_own(tmp_path / folder)).network.out_features for folder in ("a", "b", "a")]
    assert sizes == [2, 3, 2]


def test_a_module_that_was_imported_from_elsewhere_is_there_again(write, monkeypatch):
    folder = write(models="import parts\n" + NET, parts="")
    elsewhere = ModuleType("parts")
    monkeypatch.setitem(sys.modules, "parts", elsewhere)
    build_model(_own(folder))
    assert sys.modules["parts"] is elsewhere


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "import no_such_module\n",
            r"models\.py raised ModuleNotFoundError: .*'no_such_module' in .*models\.py, line 1",
        ),
        ("x = 1\nraise KeyError('a\\nb')\n", r"models\.py raised KeyError: .* in .*models\.py, line 2 \(raise KeyError"),
        ("def make_net(:\n", r"models\.py raised SyntaxError: .*, line 1\."),
        ("import sys\nsys.exit(3)\n", r"models\.py raised SystemExit: 3 in .*models\.py, line 2"),
        ("import parts\n", r"models\.py raised ZeroDivisionError: division by zero in .*parts\.py, line 2 \(1 / 0\)"),
        (
            NET.replace("make_net", "make_nets"),
            r"models\.py; it has no 'make_net'\. Did you mean 'make_nets'",
        ),
        ("make_net = 3\n", r"as a function or class; got int"),
        ("def make_net():\n    return 3\n", r"to give a torch\.nn\.Module; got int"),
        ("def make_net(depth):\n    return 3\n", r"Expected arguments that .* takes, \(depth\); got none"),
        ("def make_net():\n    x = []\n    return x[0]\n", r"raised IndexError: .*line 3 \(return x\[0\]\)"),
        (
            "import importlib\nparts = importlib.import_module('hidden')\n" + NET,
            r"to import hidden\.py by an import statement",
        ),
        ("\0", r"models\.py raised (SyntaxError|ValueError)"),
    ],
    ids=str,
)
def test_a_file_that_builds_no_network_is_refused_in_one_line(write, text, message):
    folder = write(models=text, parts="\n1 / 0\n", hidden="x = 1\n")
    with pytest.raises(InvalidInputError, match=message) as caught:
        build_model(_own(folder))
    assert "\n" not in str(caught.value)


def test_a_file_that_is_absent_is_refused(tmp_path):
    for use in (build_model, model_code):
        with pytest.raises(InvalidInputError, match=r"Expected a Python file at .*models\.py; there is none"):
            use(_own(tmp_path))


def test_arguments_that_a_callable_does_not_take_are_refused(write):
    with pytest.raises(InvalidInputError, match=r"takes, \(width=2, num_classes=4\); got depth"):
        build_model(_own(write(models=NET), arguments={"depth": 3}))


def test_weights_by_name_are_refused_of_a_callable_that_may_load_its_own(write):
    folder = write(models=NET)
    build_model(_own(folder, weights="default"))
    with pytest.raises(InvalidInputError, match=r"Expected no weights by name .*'IMAGENET1K_V1'"):
        build_model(_own(folder, weights="IMAGENET1K_V1"))


def test_any_callable_that_can_be_imported_builds_a_network():
    architecture = Architecture("torch.nn:Conv2d", arguments={"in_channels": 3, "out_channels": 2, "kernel_size": 1})
    assert build_model(architecture)(torch.rand(1, 3, 4, 4)).shape == (1, 2, 4, 4)
    assert set(model_code(architecture)) == {"torch"}
    with pytest.raises(InvalidInputError, match=r"it has no 'Conv2s'\. Did you mean 'Conv2d'"):
        build_model(Architecture("torch.nn:Conv2s"))


@pytest.mark.parametrize(
    "address", ["torch:save", "torch.serialization:save", "numpy:save", "pip:main", "matplotlib.pyplot:savefig"]
)
def test_functions_of_packages_that_come_with_this_project_are_refused(address, tmp_path):
    arguments = {"obj": [1], "f": str(tmp_path / "written")}
    with pytest.raises(InvalidInputError, match=r"Expected a class of networks of '\w+', which comes with this project"):
        build_model(Architecture(address, arguments=arguments))
    assert not (tmp_path / "written").exists()


def test_modules_that_a_module_imports_are_no_way_to_their_functions(write):
    folder = write(models="import os\n" + NET)
    with pytest.raises(InvalidInputError, match="it has no 'system'"):
        build_model(_own(folder, "models.py:os.system"))


def test_a_module_that_is_not_installed_is_identified_by_its_files(write, monkeypatch):
    inner = {"own_zoo__in____init__": "", "own_zoo__in__nets": "from own_zoo import parts\n" + NET, "own_zoo__in__parts": ""}
    monkeypatch.syspath_prepend(str(write(**inner)))
    architecture = Architecture("own_zoo.nets:make_net", classes=3)
    assert set(model_code(architecture)["files"]) == {"own_zoo/__init__.py", "own_zoo/nets.py", "own_zoo/parts.py"}
    assert build_model(architecture)(torch.rand(1, 3, 2, 2)).shape == (1, 3)
    monkeypatch.undo()
    for name in [name for name in sys.modules if name.startswith("own_zoo")]:
        del sys.modules[name]
