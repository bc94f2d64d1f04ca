"""What the shell line of every rule starts: hand the job to the run's server, or do it here where there is none.

A script that imports little, since thousands are started: ``python -I -S client.py STAGE``, with the order
on standard input.
"""

import json
import os
import select
import socket
import struct
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from subprocess import Popen

ADDRESS = "STIR_JOB_SERVER"
"""Environment variable: the name of the run's server among this machine's sockets."""
N_STREAMS = 3
SECONDS_TO_START = 60.0
SECONDS_BETWEEN_TRIES = 0.02
WORKFLOW = Path(__file__).resolve().parent.parent


def main() -> int:
    """Do one job; return its exit status."""
    _prepare()
    server = _connected()
    if server is None:
        os.execv(sys.executable, [sys.executable, "-m", "stir_workflow.running.job"])
    try:
        _ask(server, sys.argv[1])
        answer = _answer(server)
    except OSError:
        answer = b""
    if not answer:
        print("error: the server of this run's jobs has ended; run the same command again.", file=sys.stderr)
        return 1
    code = int(answer)
    return code if code >= 0 else 128 - code


def peer_user(connection: socket.socket) -> int:
    """Return the number of the user at the other end of a local socket."""
    _, user, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")))
    return user


def _prepare() -> None:
    """Let the processes started from here import the workflow, nothing from the current folder, without NumPy's threads.

    ``-m`` and an empty entry of PYTHONPATH would put the current folder first. NumPy only reads and writes here; its
    waiting threads would take cores from other jobs.
    """
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    os.environ["PYTHONSAFEPATH"] = "1"
    paths = [str(WORKFLOW), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, paths))


def _connected() -> socket.socket | None:
    """Return a connection to the run's server, started if it is not there; None where there can be none."""
    name = os.environ.get(ADDRESS)
    if not name or not hasattr(os, "pidfd_open"):
        return None
    until, started = time.monotonic() + SECONDS_TO_START, None
    while time.monotonic() < until:
        server = socket.socket(socket.AF_UNIX)
        try:
            # A name without a file: it goes with the process.
            server.connect(f"\0{name}")
        except OSError:
            server.close()
            if started is not None and started.poll() not in (None, 1):
                return None
            started = started or _start()
            time.sleep(SECONDS_BETWEEN_TRIES)
            continue
        return server if peer_user(server) == os.getuid() else None
    return None


def _start() -> "Popen[bytes]":
    """Start a server that outlives this process; of several, the first to take the address stays."""
    from subprocess import DEVNULL, Popen

    command = [sys.executable, "-m", "stir_workflow.running.server"]
    return Popen(command, stdin=DEVNULL, stdout=DEVNULL, stderr=DEVNULL, start_new_session=True)


def _ask(server: socket.socket, stage: str) -> None:
    request = {"stage": stage, "folder": str(Path.cwd()), "environment": dict(os.environ)}
    # The first byte, a blank, carries the streams: the rest may be sent in pieces.
    socket.send_fds(server, [b" "], range(N_STREAMS))
    server.sendall(json.dumps(request).encode() + b"\n")


def _answer(server: socket.socket) -> bytes:
    """Wait for the exit status; go when the shell that started this process has gone."""
    poll = select.poll()
    poll.register(server, select.POLLIN)
    shell = os.pidfd_open(os.getppid())
    poll.register(shell, select.POLLIN)
    ready = [descriptor for descriptor, _ in poll.poll()]
    return server.recv(64) if server.fileno() in ready else b""


if __name__ == "__main__":
    sys.exit(main())
