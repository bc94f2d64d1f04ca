"""What artifacts say of where they were made."""

import platform
import subprocess
import sys

import pytest

from stir import provenance
from stir.provenance import processor


@pytest.fixture
def cpu_info(tmp_path, monkeypatch):
    monkeypatch.setattr(provenance, "CPU_INFO", tmp_path / "cpuinfo")
    processor.cache_clear()
    yield tmp_path / "cpuinfo"
    processor.cache_clear()


def test_the_processor_is_named_by_architecture_and_model(cpu_info):
    cpu_info.write_text("processor\t: 0\nmodel\t\t: 17\nmodel name\t: AMD EPYC 9654 \n" * 2, encoding="utf-8")
    assert processor() == f"{platform.machine()} AMD EPYC 9654"


@pytest.mark.parametrize("text", [None, "processor\t: 0\n"])
def test_where_no_model_is_told_the_architecture_is(cpu_info, text):
    if text:
        cpu_info.write_text(text, encoding="utf-8")
    assert processor().startswith(platform.machine())


def test_the_processor_is_told_without_torch():
    asked = "import sys; from stir.provenance import processor; processor(); print('torch' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert ran.stdout == "False\n"
