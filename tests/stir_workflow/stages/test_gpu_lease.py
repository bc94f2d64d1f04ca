"""No two leases share a GPU of a node, and a lease ends with its process."""

import contextlib
import fcntl
import os
import subprocess
import sys
import textwrap
import time
from itertools import accumulate, pairwise

import pytest
import torch

from stir.errors import DeviceError
from stir_workflow.stages import gpu_lease
from stir_workflow.stages.gpu_lease import gpus, lease_folder, leased_gpu

PREAMBLE = """
import os, subprocess, sys, time
from pathlib import Path
from stir_workflow.stages.gpu_lease import gpus, leased_gpu
folder = Path(sys.argv[1])
CHILD = "import os, sys; print(os.getpid(), flush=True); sys.stdin.read(); os._exit(0)"
"""


@contextlib.contextmanager
def program(folder, text, devices="0"):
    """A Python process of its own that may take GPUs of a list, with pipes to it."""
    command = [sys.executable, "-c", PREAMBLE + textwrap.dedent(text), folder]
    environment = os.environ | {"STIR_GPUS": devices}
    with subprocess.Popen(command, env=environment, stdin=-1, stdout=-1, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def is_free(folder, device="0"):
    with (folder / f"{device}.lock").open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


EACH = 5
TAKES_SOME = f"""
print("ready", flush=True)
sys.stdin.read()
for _ in range({EACH}):
    with leased_gpu(gpus(), folder=folder) as device:
        visible, start = os.environ["CUDA_VISIBLE_DEVICES"], time.monotonic()
        time.sleep(0.05)
        end = time.monotonic()
    print(device, visible, start, end, flush=True)
"""


@pytest.fixture(scope="module")
def held(tmp_path_factory):
    """(device, visible, start, end) of every lease of eight processes on three GPUs that began together."""
    folder = tmp_path_factory.mktemp("leases")
    with contextlib.ExitStack() as stack:
        processes = [stack.enter_context(program(folder, TAKES_SOME, "0,1,2")) for _ in range(8)]
        assert [process.stdout.readline() for process in processes] == ["ready\n"] * 8
        for process in processes:
            process.stdin.close()
        lines = [line.split() for process in processes for line in process.stdout.read().splitlines()]
    return [(device, visible, float(start), float(end)) for device, visible, start, end in lines]


class TestEightProcessesOnThreeGpus:
    def test_all_get_their_leases(self, held):
        assert len(held) == 8 * EACH

    def test_never_two_are_on_one(self, held):
        for gpu in "012":
            spans = sorted((start, end) for device, _, start, end in held if device == gpu)
            assert [later for (_, end), later in pairwise(spans) if later[0] < end] == []

    def test_at_most_three_hold_one_at_once(self, held):
        changes = sorted((moment, step) for *_, start, end in held for moment, step in ((start, 1), (end, -1)))
        assert max(accumulate(step for _, step in changes)) <= 3

    def test_all_gpus_are_used(self, held):
        assert {device for device, *_ in held} == {"0", "1", "2"}

    def test_each_sees_its_own_alone(self, held):
        assert [visible for _, visible, *_ in held] == [device for device, *_ in held]


CHILDREN = {
    "forked": "os.fork() or os._exit(exec(CHILD))",
    "started": "subprocess.Popen([sys.executable, '-c', CHILD], close_fds=False)",
}


class TestALeaseEnds:
    @pytest.mark.parametrize("how", ["its block ends", "an error leaves it"])
    def test_when(self, tmp_path, how):
        with contextlib.suppress(KeyError), leased_gpu(["0"], folder=tmp_path):
            assert not is_free(tmp_path)
            if how == "an error leaves it":
                raise KeyError
        assert is_free(tmp_path)

    def test_when_its_process_is_killed(self, tmp_path):
        with program(tmp_path, "with leased_gpu(gpus(), folder=folder): print('has it', flush=True); time.sleep(600)") as holder:
            assert holder.stdout.readline() == "has it\n"
            assert not is_free(tmp_path)
            holder.kill()
            holder.wait()
            assert is_free(tmp_path)

    @pytest.mark.parametrize("how", CHILDREN)
    def test_when_its_process_is_killed_though_a_child_lives_on(self, tmp_path, how):
        text = f"""
        with leased_gpu(gpus(), folder=folder):
            {CHILDREN[how]}
            time.sleep(600)
        """
        with program(tmp_path, text) as holder:
            child = int(holder.stdout.readline())
            assert not is_free(tmp_path)
            holder.kill()
            holder.wait()
            os.kill(child, 0)
            assert is_free(tmp_path)

    def test_not_before_the_process_if_that_has_used_cuda(self, tmp_path, monkeypatch):
        with leased_gpu(["0"], folder=tmp_path):
            monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
        assert not is_free(tmp_path)
        gpu_lease._KEPT.pop().release()
        assert is_free(tmp_path)


class TestWaiting:
    @pytest.fixture
    def slept(self, tmp_path, monkeypatch):
        """Both GPUs are taken; one is given back during the fourth sleep. Time passes by sleeping only."""
        both = [gpu_lease._lock_if_free(tmp_path / f"{device}.lock") for device in ("0", "1")]
        slept = []

        def sleep(seconds):
            slept.append(6)
            if len(slept) == 4:
                both[1].release()

        monkeypatch.setattr(time, "sleep", sleep)
        monkeypatch.setattr(time, "monotonic", lambda: sum(slept))
        yield slept
        both[0].release()

    def test_is_said_about_every_ten_seconds_and_what_it_ended_with(self, tmp_path, slept, capsys):
        with leased_gpu(["0", "1"], what="iris/x", folder=tmp_path) as device:
            assert device == "1"
        assert len(slept) == 4
        assert capsys.readouterr().err.splitlines() == [
            "iris/x: waiting for one of 2 GPUs, 12 s so far",
            "iris/x: on GPU 1",
        ]


def test_no_gpu_is_favoured(tmp_path):
    taken = []
    for _ in range(40):
        with leased_gpu(["0", "1", "2"], folder=tmp_path) as device:
            taken.append(device)
    assert set(taken) == {"0", "1", "2"}


@pytest.mark.parametrize("before", [None, "0,1"])
def test_what_was_visible_is_visible_again_afterwards(tmp_path, monkeypatch, before):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if before:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", before)
    with leased_gpu(["1"], folder=tmp_path):
        assert os.environ["CUDA_VISIBLE_DEVICES"] == "1"
    assert os.environ.get("CUDA_VISIBLE_DEVICES") == before


def test_a_lease_of_none_is_refused(tmp_path):
    with pytest.raises(DeviceError, match="Expected at least one GPU for iris/x"), leased_gpu([], what="iris/x", folder=tmp_path):
        pass


def test_names_with_a_slash_are_leased_too(tmp_path):
    with leased_gpu(["MIG-GPU-0f/1/0"], folder=tmp_path) as device:
        assert device == "MIG-GPU-0f/1/0"
        assert [file.suffix for file in tmp_path.iterdir()] == [".lock"]


LISTED = """\
GPU 0: NVIDIA H100 80GB HBM3 (UUID: GPU-aa11)
GPU 1: NVIDIA A100-SXM4-40GB (UUID: GPU-bb22)
  MIG 3g.20gb     Device  0: (UUID: MIG-b0)
  MIG 3g.20gb     Device  1: (UUID: MIG-b1)
GPU 2: NVIDIA H100 80GB HBM3 (UUID: GPU-cc33)
"""


VISIBLE = {
    "": (),
    "-1": (),
    "NoDevFiles": (),
    "2": ("GPU-cc33",),
    " 2, 0 ": ("GPU-cc33", "GPU-aa11"),
    "0,-1,2": ("GPU-aa11",),
    "0,0,GPU-aa11": ("GPU-aa11",),
    "1": ("MIG-b0", "MIG-b1"),
    "MIG-b1": ("MIG-b1",),
    "GPU-cc": ("GPU-cc33",),
    "7": ("7",),
    "GPU-dd44": ("GPU-dd44",),
}


class TestTheListOfGpus:
    @pytest.fixture(autouse=True)
    def bare(self, tmp_path, monkeypatch):
        """Neither an environment variable nor a program names a GPU."""
        for name in ("STIR_GPUS", "CUDA_VISIBLE_DEVICES"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("PATH", str(tmp_path))
        gpu_lease._cards.cache_clear()
        yield
        gpu_lease._cards.cache_clear()

    @pytest.fixture
    def nvidia_smi(self, tmp_path):
        """Put a program in its place, which prints a list of cards and ends with a status."""

        def put(listed, status=0):
            path = tmp_path / "nvidia-smi"
            path.write_text(f"#!/bin/sh\n[ \"$*\" = -L ] || exit 3\nprintf '%s' '{listed}'\nexit {status}\n", encoding="utf-8")
            path.chmod(0o755)

        return put

    def test_is_empty_where_nothing_names_one(self):
        assert gpus() == ()

    def test_is_what_nvidia_smi_lists_with_parts_in_place_of_a_parted_card(self, nvidia_smi):
        nvidia_smi(LISTED)
        assert gpus() == ("GPU-aa11", "MIG-b0", "MIG-b1", "GPU-cc33")

    def test_is_empty_where_nvidia_smi_fails_or_finds_none(self, nvidia_smi):
        nvidia_smi("NVIDIA-SMI has failed", status=9)
        assert gpus() == ()
        gpu_lease._cards.cache_clear()
        nvidia_smi("No devices found.")
        assert gpus() == ()

    @pytest.mark.parametrize("visible", VISIBLE)
    def test_is_what_is_visible_by_uuid(self, nvidia_smi, monkeypatch, visible):
        nvidia_smi(LISTED)
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
        assert gpus() == VISIBLE[visible]

    def test_is_what_is_visible_as_it_stands_without_nvidia_smi(self, monkeypatch):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1,GPU-aa11")
        assert gpus() == ("1", "GPU-aa11")

    def test_is_that_of_the_variable_before_all(self, nvidia_smi, monkeypatch):
        nvidia_smi(LISTED)
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
        monkeypatch.setenv("STIR_GPUS", "left,right")
        assert gpus() == ("left", "right")
        monkeypatch.setenv("STIR_GPUS", "")
        assert gpus() == ()

    def test_needs_no_torch(self):
        asked = "import sys; from stir_workflow.stages.gpu_lease import gpus; gpus(); print('torch' in sys.modules)"
        ran = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
        assert ran.stdout == "False\n"


class TestTheFolderOfLeases:
    @pytest.fixture(autouse=True)
    def temporary(self, tmp_path, monkeypatch):
        monkeypatch.setattr(gpu_lease, "TEMPORARY", tmp_path)
        return tmp_path / f"stir-gpus-{os.getuid()}"

    def test_is_this_users_alone(self, temporary):
        assert lease_folder() == lease_folder() == temporary
        assert temporary.stat().st_mode & 0o777 == 0o700

    def test_is_the_same_whatever_folder_for_temporary_files_a_process_has(self, temporary, monkeypatch):
        monkeypatch.setenv("TMPDIR", "/nowhere")
        assert lease_folder() == temporary

    def test_is_refused_if_it_is_a_link_or_a_file(self, temporary, tmp_path):
        temporary.symlink_to(tmp_path)
        with pytest.raises(DeviceError, match=r"stir-gpus-\d+ to be a folder of user"):
            lease_folder()
        temporary.unlink()
        temporary.touch()
        with pytest.raises(DeviceError, match=r"stir-gpus-\d+ to be a folder of user"):
            lease_folder()

    def test_is_refused_if_it_is_anothers(self, temporary, monkeypatch):
        mine = os.getuid()
        monkeypatch.setattr(os, "getuid", lambda: mine + 1)
        temporary.with_name(f"stir-gpus-{mine + 1}").mkdir()
        with pytest.raises(DeviceError, match="Have it removed"):
            lease_folder()
