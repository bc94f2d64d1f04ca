"""A process that is to die with another does, however that one ends."""

import signal
import subprocess
import sys
import time

import pytest

FOLLOWER = (
    "import os, sys, time; from stir_workflow.stages.owner import OWNER, end_with_owner; os.environ[OWNER] = sys.argv[1]; "
    "end_with_owner(); print('ready', flush=True); time.sleep(60)"
)
TIDY = """
import time
from stir_workflow.stages.owner import end_with_owner
end_with_owner()
try:
    print("ready", flush=True)
    time.sleep(60)
finally:
    print("tidied", flush=True)
"""


def start(code, *arguments):
    return subprocess.Popen([sys.executable, "-c", code, *map(str, arguments)], stdout=subprocess.PIPE)


@pytest.fixture
def other():
    process = subprocess.Popen(["sleep", "60"])
    yield process
    process.kill()
    process.wait()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_it_dies_with_the_other(other, number):
    with start(FOLLOWER, other.pid) as follower:
        assert follower.stdout.readline() == b"ready\n"
        other.send_signal(number)
        other.wait()
        assert follower.wait(timeout=10) == -signal.SIGKILL


def test_it_lives_as_long_as_the_other(other):
    with start(FOLLOWER, other.pid) as follower:
        assert follower.stdout.readline() == b"ready\n"
        time.sleep(0.3)
        assert follower.poll() is None
        follower.kill()


def test_it_dies_at_once_if_the_other_is_gone():
    with subprocess.Popen(["true"]) as gone:
        gone.wait()
    with start(FOLLOWER, gone.pid) as follower:
        assert follower.wait(timeout=10) == -signal.SIGKILL


def test_sigterm_lets_it_tidy_up():
    with start(TIDY) as process:
        assert process.stdout.readline() == b"ready\n"
        process.terminate()
        assert process.stdout.read() == b"tidied\n"
        assert process.wait(timeout=10) == 128 + signal.SIGTERM
