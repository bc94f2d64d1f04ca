"""Signals that are to end a command reach the processes that it called, all of them, and once."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

CALLED = """
import signal, sys, time
count = 0
def counted(number, _frame):
    global count
    count += 1
    print("called got", number, flush=True)
signal.signal(signal.SIGINT, counted)
print("ready", flush=True)
end = time.monotonic() + 60
while not count and time.monotonic() < end:
    time.sleep(0.05)
time.sleep(0.5)
sys.exit(count)
"""
CALLING = """
import os, sys
from stir_workflow.commands.passing_on import call
print(call([sys.executable, "-c", sys.argv[1]], os.environ))
"""


@pytest.fixture
def calling():
    """A process that calls another, which counts the interrupts that it gets."""
    command = [sys.executable, "-c", CALLING, CALLED]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),  # the tests may run under nohup
    )
    assert process.stderr.readline() == "ready\n"
    yield process
    process.kill()
    process.communicate()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("send", [os.kill, os.killpg])
def test_a_signal_to_the_process_or_its_group_arrives_once(calling, number, send):
    send(calling.pid, number)
    assert calling.stderr.readline() == f"called got {signal.SIGINT}\n"
    send(calling.pid, number)
    said, more = calling.communicate(timeout=60)
    assert said == f"(1, {number.value})\n"
    assert more == ""


def test_what_nohup_ignores_stays_ignored():
    command = ["nohup", sys.executable, "-c", CALLING, "import signal; print(signal.getsignal(signal.SIGHUP) == signal.SIG_IGN)"]
    ran = subprocess.run(command, capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL)
    assert ran.stderr.splitlines()[-1] == "True"


def _state(process):
    return Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()[0]


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs /proc")
def test_both_pause_and_continue_together(calling):
    (child,) = subprocess.run(["pgrep", "-P", str(calling.pid)], capture_output=True, text=True, check=True).stdout.split()
    calling.send_signal(signal.SIGTSTP)
    _wait_until(lambda: _state(calling.pid) == _state(child) == "T")
    calling.send_signal(signal.SIGCONT)
    _wait_until(lambda: "T" not in (_state(calling.pid), _state(child)))
    calling.send_signal(signal.SIGINT)
    assert calling.communicate(timeout=60)[0] == "(1, 2)\n"


def _wait_until(is_so):
    deadline = time.monotonic() + 30
    while not is_so() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert is_so()
