"""The GPU benchmark, rehearsed on a CPU: every section runs, and what fails is a row with a reason."""

import json
import sys
from dataclasses import replace

import pytest
import torch

CPU = torch.device("cpu")
EXPECTED_TO_FAIL = {"graph": "CUDA graph", "waits": "nothing"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Of all sections, in their order: the network that one trains is inverted by others."""
    return tmp_path_factory.mktemp("sections")


@pytest.fixture
def bench(folder):
    from gpu_measuring import Bench
    from gpu_sizes import TINY

    return lambda name, **sizes: Bench(name, CPU, replace(TINY, **sizes), folder, folder / f"{name}.jsonl", 600)


def rows_of(bench):
    return [json.loads(line) for line in bench.rows.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize(
    "name", ["card", "training", "parity", "cifar", "photographs", "representations", "batches", "graph", "compile"]
)
def test_every_section_runs_and_only_a_cuda_graph_fails(bench, name):
    import gpu

    assert len(gpu.SECTIONS) == 9
    section = bench(name)
    gpu.SECTIONS[name][0](section)
    rows = rows_of(section)
    failed = {row["what"]: row["note"] for row in rows if row.get("note", "").startswith(("failed", "cut"))}
    assert all(what.startswith("CUDA graph") and "no CUDA graphs" in note for what, note in failed.items()), failed
    assert bool(failed) == (name == "graph")
    assert all(gpu._holds(row) for row in rows if name == "parity"), rows
    assert gpu.as_text(name, rows).count("\n") >= len(rows)


def test_sections_together_take_less_than_eight_minutes():
    import gpu

    assert gpu.MINUTES * 60 <= 460
    assert all(seconds >= gpu.LEAST_SECONDS for _, seconds in gpu.SECTIONS.values())


def test_parity_is_judged_by_the_golden_tolerances():
    import gpu_parity

    from tests.regression import test_golden

    assert (gpu_parity.RTOL, gpu_parity.ATOL) == (test_golden.RTOL, test_golden.ATOL)
    found = gpu_parity.close(torch.tensor([1.0, 1.004]), torch.tensor([1.0, 1.0]))
    assert not found["holds"]
    assert gpu_parity.close(torch.tensor(1.002), torch.tensor(1.0))["holds"]


def test_a_measurement_that_fails_or_has_no_time_left_is_a_row(bench):
    section = bench("failing")
    assert section.trial("divided", lambda: 1 / 0) == {}
    assert section.trial("long", dict, needs=1e6) == {}
    divided, long = rows_of(section)
    assert divided["note"] == "failed: ZeroDivisionError: division by zero"
    assert long["note"].startswith("cut: ")


def test_published_steps_are_cut_to_the_time_left_and_the_row_says_so(bench):
    import gpu_inversions
    from gpu_materials import network, pixels, small_images

    section = bench("cut", steps=10_000)
    section.seconds = 1
    images = pixels(small_images(section.sizes, "test")[0][:2])
    values = gpu_inversions._published(
        section, network(section.folder, section.sizes)[0], images, 1e6, {"method": "normalised_gradient"}, ""
    )
    assert "of 10000 steps, which are expected to take" in values["note"]


def test_a_section_that_fails_or_hangs_ends_the_section_and_not_the_run(tmp_path, monkeypatch):
    import gpu

    script = tmp_path / "child.py"
    script.write_text(
        "import sys, time, pathlib\n"
        "name, folder = sys.argv[2], pathlib.Path(sys.argv[6])\n"
        '(folder / f\'{name}.jsonl\').write_text(\'{"section": "x", "what": "measured"}\\n\')\n'
        "time.sleep(60) if name == 'hangs' else sys.exit('a broken context')\n"
    )
    monkeypatch.setattr(gpu, "__file__", str(script))
    arguments = gpu.argparse.Namespace(device="cpu", rehearse=True)
    for name, note in (("fails", "failed with status 1: a broken context"), ("hangs", "cut short after 5 s")):
        measured, whole = gpu.run_section(name, 5, arguments, tmp_path)
        assert (measured["what"], whole["note"]) == ("measured", note)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--device", "cuda:99"], "Expected a device that is there; got 'cuda:99'"),
        (["--device", "nonsense"], "Expected a device that is there; got 'nonsense'"),
        (["--device", "meta"], "Expected a device cuda, cuda:N or cpu; got 'meta'"),
        (["--device", "cpu"], "Add --rehearse"),
        (["--rehearse", "--sections", "card,typo"], "got typo"),
    ],
)
def test_a_device_or_section_that_is_not_there_is_refused_in_one_line(arguments, message, monkeypatch):
    import gpu

    monkeypatch.setattr(sys, "argv", ["gpu.py", *arguments])
    with pytest.raises(SystemExit) as refused:
        gpu.main()
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


def test_rows_are_printed_and_written(tmp_path, monkeypatch, capsys):
    import gpu

    monkeypatch.setenv("OUT", str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["gpu.py", "--rehearse", "--sections", "parity,card"])
    rows = [{"section": "parity", "what": "representations", "difference": 1.0, "holds": False, "note": "too far"}]
    monkeypatch.setattr(gpu, "run_section", lambda name, *_: rows if name == "parity" else [])
    with pytest.raises(SystemExit) as ended:
        gpu.main()
    assert ended.value.code == 1, "parity fails"
    assert "Parity with the CPU fails: representations" in capsys.readouterr().out
    assert json.loads((tmp_path / "gpu.json").read_text())["rows"] == rows
    assert "too far" in (tmp_path / "gpu.txt").read_text()


def test_the_pytorch_that_is_there_stays(monkeypatch):
    import gpu_environment

    assert f"torch=={torch.__version__.split('+')[0]}" in {kept.split("+")[0] for kept in gpu_environment.kept_versions()}
    assert any((gpu_environment.Path(path) / "torch").is_dir() for path in gpu_environment.site_packages())
