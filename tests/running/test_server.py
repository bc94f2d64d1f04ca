"""Jobs that are handed to the run's server do what they do alone, and end when they are to."""

import contextlib
import json
import multiprocessing
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from dataclasses import asdict

import psutil
import pytest

from running.client import ADDRESS, N_STREAMS
from running.owner import OWNER
from running.server import LONGEST_ORDER, MOST_ASKING, SECONDS_TO_ASK
from stir.artifacts import checked, seal_path
from stir.identity import Recipe
from tests.experiment_files import ROOT

FORK = multiprocessing.get_context("fork")
CLIENT = [sys.executable, "-I", "-S", str(ROOT / "workflow" / "running" / "client.py")]
DATASET = Recipe("dataset", 1, {"name": "digits", "n_test": 64, "random_seed": 0})
TRAINING = {"objective": "vanilla", "epochs": 10_000, "batch_size": 8, "learning_rate": 0.1, "momentum": 0.9, "weight_decay": 0.0}
ARCHITECTURE = {"name": "resnet8", "width": 2, "channels": 1, "classes": 10}
# Training that would go on for hours.
ENDLESS = Recipe(
    "checkpoint",
    1,
    {"architecture": ARCHITECTURE, "training": TRAINING, "random_seed": 0, "threads": 1},
    {"dataset": DATASET.key},
)
pytestmark = pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="the system has no handles of processes")


def until(true, seconds=30):
    """Wait for something to become true."""
    end = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)
    return found


class Run:
    """A run with jobs: the process that owns them, and the name of its server."""

    def __init__(self, folder):
        self.owner = subprocess.Popen(["sleep", "600"])
        self.folder, self.name = folder, f"stir-test-{secrets.token_hex(8)}"
        self.clients = []

    def start(self, recipe, inputs=None, *, alone=False, **settings):
        """Start the client for a job."""
        order = {"recipe": asdict(recipe), "output": f"data/x-{recipe.key}.h5", "inputs": inputs or {}, "device": "cpu"}
        environment = os.environ | {OWNER: str(self.owner.pid), ADDRESS: "" if alone else self.name, "OMP_NUM_THREADS": "1"}
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        client = subprocess.Popen([*CLIENT, recipe.stage], **pipes, cwd=self.folder, env=environment, text=True, **settings)
        self.clients.append(client)
        client.stdin.write(json.dumps(order))
        client.stdin.close()
        return client

    def do(self, recipe, **settings):
        """Do a job; return its exit status and what it said."""
        client = self.start(recipe, **settings)
        said = client.stdout.read() + client.stderr.read()
        return client.wait(timeout=60), said

    def start_endless(self, **settings):
        """Start a job without an end; return its client and its process."""
        client = self.start(ENDLESS, {"dataset": [f"data/x-{DATASET.key}.h5"]}, **settings)
        client.stderr.readline()  # progress: the work has begun
        return client, (psutil.Process(client.pid) if settings.get("alone") else self.jobs()[-1])

    def servers(self):
        """Return the servers of this run."""
        return [process for process in psutil.process_iter() if self._is_server(process)]

    def jobs(self):
        """Return the forks of this run's server."""
        return [job for server in self.servers() for job in server.children()]

    def _is_server(self, process):
        try:
            return (
                process.environ().get(ADDRESS) == self.name
                and "running.server" in process.cmdline()
                and not self._is_fork(process)
            )
        except psutil.Error:
            return False

    def _is_fork(self, process):
        parent = process.parent()
        return parent is not None and "running.server" in parent.cmdline()

    def end(self):
        self.owner.kill()
        self.owner.wait()
        for client in self.clients:
            client.kill()
            client.wait()
            for pipe in (client.stdout, client.stderr):
                pipe.close()


@pytest.fixture
def run(tmp_path):
    run = Run(tmp_path)
    yield run
    run.end()
    until(lambda: not run.servers())


@pytest.fixture
def with_dataset(run):
    code, said = run.do(DATASET)
    assert code == 0, said
    return run


def test_a_job_is_done_as_it_is_alone(run, tmp_path):
    path = tmp_path / f"data/x-{DATASET.key}.h5"
    code, said = run.do(DATASET, alone=True)
    assert code == 0
    assert said.startswith("digits: found 1797 images")
    assert said.count("\n") == 1
    assert run.servers() == []
    alone, seal = path.read_bytes(), seal_path(path).read_bytes()
    path.unlink()
    assert run.do(DATASET) == (0, said)
    assert checked(path).read_bytes() == alone
    assert seal_path(path).read_bytes() == seal
    assert len(run.servers()) == 1


def test_what_is_wrong_is_said_and_the_exit_status_handed_on(run):
    code, said = run.do(Recipe("dataset", 1, {"name": "digitz", "n_test": 64, "random_seed": 0}))
    assert code == 1
    assert said.startswith("error: Unknown dataset 'digitz'")


def test_jobs_share_one_server_even_if_they_start_together(run):
    recipes = [Recipe("dataset", 1, {"name": "digits", "n_test": 64, "random_seed": number}) for number in range(6)]
    clients = [run.start(recipe) for recipe in recipes]
    assert [client.wait(timeout=60) for client in clients] == [0] * 6
    assert len(run.servers()) == 1
    assert all(checked(run.folder / f"data/x-{recipe.key}.h5") for recipe in recipes)


def test_a_job_ends_with_its_client(with_dataset):
    client, job = with_dataset.start_endless()
    client.kill()
    assert psutil.wait_procs([job], timeout=10)[0] == [job]
    assert len(with_dataset.servers()) == 1
    assert with_dataset.do(DATASET)[0] == 0, "the server goes on"


def test_a_client_ends_with_the_shell_that_started_it(with_dataset):
    """As when a shell is killed between Snakemake and the job."""
    code = "import subprocess, sys, time; subprocess.Popen(sys.argv[1:], stdin=0); time.sleep(600)"
    order = {"recipe": asdict(ENDLESS), "output": f"data/x-{ENDLESS.key}.h5", "inputs": {"dataset": [f"data/x-{DATASET.key}.h5"]}}
    environment = os.environ | {OWNER: str(with_dataset.owner.pid), ADDRESS: with_dataset.name}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    shell = subprocess.Popen(
        [sys.executable, "-c", code, *CLIENT, "checkpoint"], **pipes, cwd=with_dataset.folder, env=environment
    )
    with shell:
        shell.stdin.write(json.dumps(order).encode())
        shell.stdin.close()
        (job,) = until(with_dataset.jobs)
        shell.kill()
        assert psutil.wait_procs([job], timeout=10)[0] == [job]


def test_a_killed_job_is_its_clients_failure(with_dataset):
    client, job = with_dataset.start_endless()
    job.kill()
    assert client.wait(timeout=10) == 128 + signal.SIGKILL


@pytest.mark.parametrize("alone", [False, True])
def test_all_end_with_the_run(with_dataset, alone):
    client, job = with_dataset.start_endless(alone=alone)
    with_dataset.owner.kill()
    with_dataset.owner.wait()
    until(lambda: not with_dataset.servers())
    assert client.wait(timeout=10) != 0
    assert not job.is_running() or job.status() == psutil.STATUS_ZOMBIE
    assert [file for file in with_dataset.folder.rglob("*") if ".tmp" in file.name and "snapshot" not in file.name] == []


def test_jobs_and_clients_end_with_a_server_that_is_killed(with_dataset):
    client, job = with_dataset.start_endless()
    with_dataset.servers()[0].kill()
    assert client.wait(timeout=10) == 1
    assert "server of this run's jobs has ended" in client.stderr.read()
    until(lambda: not job.is_running())
    assert with_dataset.do(DATASET)[0] == 0, "the next job starts another"


NOBODY = 65534
as_root = pytest.mark.skipif(os.getuid() != 0, reason="only root can be another user")


def as_another_user(function, *arguments):
    """Run a function in a fork of this process that belongs to another user; return a pipe from it and the fork."""
    ours, theirs = FORK.Pipe()

    def go():
        os.setuid(NOBODY)
        theirs.send(function(*arguments))

    fork = FORK.Process(target=go)
    fork.start()
    return ours, fork


def ask(name):
    """Hand over an order as a client does, and return the answer."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(f"\0{name}")
        try:
            socket.send_fds(connection, [b" "], range(N_STREAMS))
            connection.sendall(json.dumps({"stage": "dataset", "folder": "/", "environment": {}}).encode() + b"\n")
            return connection.recv(10)
        except ConnectionError:
            return b""


@as_root
def test_another_users_order_is_not_taken(with_dataset):
    answer, fork = as_another_user(ask, with_dataset.name)
    assert answer.recv() == b""
    fork.join()
    assert ask(with_dataset.name) != b"", "our own is"


@as_root
def test_no_order_is_given_to_another_users_server(run, tmp_path):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"\0{run.name}")

        def listen():
            listener.listen()
            connection, _ = listener.accept()
            return connection.recv(10)

        came, fork = as_another_user(listen)
        assert run.do(DATASET)[0] == 0, "it is done without a server"
        assert came.recv() == b""
        fork.join()
    assert checked(tmp_path / f"data/x-{DATASET.key}.h5")


NO_ORDERS = (
    b"",
    b"\n",
    b"{}\n",
    b"[1]\n",
    b"1\n",
    b"\xff\n",
    b"[" * 100_000 + b"\n",
    b"x" * 70_000 + b"\n",
    b"x" * (LONGEST_ORDER + 1),
    b'{"stage": ["dataset"], "folder": "/", "environment": {}}\n',
    b'{"stage": "dataset", "folder": 1, "environment": {}}\n',
    b'{"stage": "dataset", "folder": "/", "environment": {"A": 1}}\n',
    b'{"stage": "dataset", "folder": "/", "environment": {"A": "\\u0000"}}\n',
)


def test_what_is_no_order_leaves_the_server_standing(with_dataset):
    (server,) = with_dataset.servers()
    for text in NO_ORDERS:
        for streams in ([], range(N_STREAMS)):
            with socket.socket(socket.AF_UNIX) as connection, contextlib.suppress(ConnectionError):
                connection.connect(f"\0{with_dataset.name}")
                socket.send_fds(connection, [b" "], streams)
                connection.sendall(text)
    assert with_dataset.do(DATASET)[0] == 0
    assert with_dataset.servers() == [server]
    assert server.num_fds() < 20, "nothing that was sent is kept open"


def test_silent_connections_do_not_keep_others_waiting(with_dataset):
    with contextlib.ExitStack() as connections:
        for _ in range(MOST_ASKING + 100):
            connection = connections.enter_context(socket.socket(socket.AF_UNIX))
            connection.connect(f"\0{with_dataset.name}")
        began = time.monotonic()
        assert with_dataset.do(DATASET)[0] == 0
        assert time.monotonic() - began < SECONDS_TO_ASK
    assert len(with_dataset.servers()) == 1


@pytest.mark.parametrize("alone", [True, False])
def test_no_code_comes_from_the_folder_of_the_run(run, alone, monkeypatch):
    """``-m`` and empty entries of PYTHONPATH would look there first."""
    monkeypatch.setenv("PYTHONPATH", f"{os.environ.get('PYTHONPATH', '')}{os.pathsep}{os.pathsep}")
    for name in ("json", "click", "stir", "running", "h5py", "sitecustomize", "planning"):
        (run.folder / f"{name}.py").write_text("import pathlib; pathlib.Path('PWNED').touch()")
    assert run.do(DATASET, alone=alone)[0] == 0
    assert not (run.folder / "PWNED").exists()
