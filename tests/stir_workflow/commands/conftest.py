"""A folder to work in, pictures of one's own, and commands that are really called."""

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image
from sklearn.datasets import load_digits

from stir_workflow.cli import main


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """The current folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def stir():
    return lambda *arguments, **further: CliRunner().invoke(main, [str(argument) for argument in arguments], **further)


@pytest.fixture
def refused(stir):
    """Call a command that is to be refused, and return its message: no traceback, status 1 or 2, nothing on stdout."""

    def call(*arguments, **further):
        result = stir(*arguments, **further)
        assert isinstance(result.exception, SystemExit), result.exception
        assert result.exit_code in (1, 2)
        assert result.stdout == ""
        assert "Traceback" not in result.stderr
        return result.stderr

    return call


@pytest.fixture
def own(here):
    """Twelve digits as pictures, in a folder for each of three classes."""
    digits = load_digits()
    for number, image in enumerate(digits.images[:12]):
        folder = here / "own" / "abc"[number % 3]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray((image * 15).astype(np.uint8)).save(folder / f"{number}.png")
    return here / "own"
