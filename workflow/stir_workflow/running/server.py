"""One process a run that imports what jobs need once, and forks for each job.

``import torch`` takes two seconds, and half of a run's jobs take less. So the first job of
a run starts this server; it listens on a socket of this user, forks for every order that a
client hands over (standard input, output and error, folder, environment), and answers with
the exit status. It ends with the run, and its jobs with it; a job whose client has gone is
ended, too. It never touches a GPU: every job is the first to do so in its process.
"""

import contextlib
import gc
import json
import os
import selectors
import signal
import socket
import sys
import time
from dataclasses import dataclass, field
from typing import Any, NoReturn

from stir_workflow.running.client import ADDRESS, N_STREAMS, peer_user
from stir_workflow.running.job import run_job
from stir_workflow.running.owner import OWNER, die_with

SECONDS_TO_ASK = 10.0
SECONDS_TO_END = 3.0
MOST_ASKING = 256
"""Connections that have not handed over an order yet; the oldest beyond them are dropped."""
LONGEST_ORDER = 2**24


@dataclass
class Running:
    """A forked job, and who waits for it."""

    process: int
    handle: int
    client: socket.socket


@dataclass(eq=False)
class Asking:
    """Who has connected, and what has come of the order."""

    client: socket.socket
    until: float
    text: bytearray = field(default_factory=bytearray)
    streams: list[int] = field(default_factory=list)


class Server:
    """Fork for every order until the run ends."""

    def __init__(self, address: str, owner: int) -> None:
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(address)
        self._listener.listen(128)
        self._events = selectors.DefaultSelector()
        self._events.register(self._listener, selectors.EVENT_READ)
        self._owner = os.pidfd_open(owner)
        self._events.register(self._owner, selectors.EVENT_READ)

    def serve(self) -> None:
        """Answer until the owner has ended; then end what still runs."""
        while True:
            for key, _ in self._events.select():
                if key.fileobj == self._owner:
                    self._end_all()
                    return
                if key in self._events.get_map().values():  # not gone with another event of this round
                    self._answer(key.fileobj, key.data)

    def _answer(self, what: Any, data: Any) -> None:
        if what is self._listener:
            self._accept()
        elif isinstance(data, Asking):
            self._read_on(data)
        elif what is data.client:
            # A client says nothing once it has asked: it has gone.
            self._events.unregister(data.client)
            _signal(data, signal.SIGTERM)
        else:
            self._finish(data)

    def _accept(self) -> None:
        asking = self._asking()
        for silent in [*asking[: max(0, len(asking) - MOST_ASKING)], *(a for a in asking if a.until < time.monotonic())]:
            self._drop(silent)
        with contextlib.suppress(OSError):
            client, _ = self._listener.accept()
            if peer_user(client) != os.getuid():
                client.close()
                return
            client.setblocking(False)
            self._events.register(client, selectors.EVENT_READ, Asking(client, time.monotonic() + SECONDS_TO_ASK))

    def _read_on(self, asking: Asking) -> None:
        """Take what has come of an order; start the job when it is whole, and leave alone who sends what is none."""
        try:
            text, streams, _, _ = socket.recv_fds(asking.client, 2**16, N_STREAMS)
            asking.text += text
            asking.streams += streams
            if text and not text.endswith(b"\n") and len(asking.text) < LONGEST_ORDER:
                return
            request = _request(asking)
        except BlockingIOError:
            return
        except (OSError, ValueError, RecursionError):
            self._drop(asking)
            return
        self._events.unregister(asking.client)
        asking.client.setblocking(True)
        self._start(asking.client, request, asking.streams)

    def _asking(self) -> list[Asking]:
        return [key.data for key in self._events.get_map().values() if isinstance(key.data, Asking)]

    def _drop(self, asking: Asking) -> None:
        if asking in self._asking():
            self._events.unregister(asking.client)
        asking.client.close()
        for stream in asking.streams:
            os.close(stream)

    def _start(self, client: socket.socket, request: dict[str, Any], streams: list[int]) -> None:
        _import_for(request["stage"])
        process = os.fork()
        if process == 0:
            self._become(request, streams)
        for stream in streams:
            os.close(stream)
        running = Running(process, os.pidfd_open(process), client)
        self._events.register(running.handle, selectors.EVENT_READ, running)
        self._events.register(client, selectors.EVENT_READ, running)

    def _become(self, request: dict[str, Any], streams: list[int]) -> NoReturn:
        """Turn this fork into the job."""
        code = 1
        try:
            for place, stream in enumerate(streams):
                os.dup2(stream, place)
            os.closerange(N_STREAMS, os.sysconf("SC_OPEN_MAX"))
            os.chdir(request["folder"])
            os.environ.clear()
            os.environ.update(request["environment"])
            die_with(request["server"])
            code = run_job()
        finally:
            os._exit(code)

    def _finish(self, running: Running) -> None:
        _, status = os.waitpid(running.process, 0)
        self._events.unregister(running.handle)
        os.close(running.handle)
        if stir_workflow.running.client in {key.fileobj for key in self._events.get_map().values()}:
            self._events.unregister(running.client)
        with contextlib.suppress(OSError):
            stir_workflow.running.client.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())
        stir_workflow.running.client.close()

    def _end_all(self) -> None:
        """End every job, in order where it still can; this process ends next, and whatever is left dies with it."""
        for running in self._running():
            _signal(running, signal.SIGTERM)
        until = time.monotonic() + SECONDS_TO_END
        while self._running() and (left := until - time.monotonic()) > 0:
            for key, _ in self._events.select(left):
                if isinstance(key.data, Running) and key.fileobj == key.data.handle:
                    self._finish(key.data)

    def _running(self) -> list[Running]:
        registered = self._events.get_map().values()
        return [key.data for key in registered if isinstance(key.data, Running) and key.fileobj == key.data.handle]


def _signal(running: Running, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        signal.pidfd_send_signal(running.handle, number)


def _request(asking: Asking) -> dict[str, Any]:
    """Read the three streams and one line of JSON."""
    request = json.loads(asking.text)
    if len(asking.streams) != N_STREAMS or not isinstance(request, dict):
        raise ValueError("expected three streams and a JSON object")
    stage, folder, environment = (request.get(name) for name in ("stage", "folder", "environment"))
    texts = [stage, folder, *environment, *environment.values()] if isinstance(environment, dict) else [None]
    if not all(isinstance(text, str) for text in texts):
        raise ValueError("expected a stage, a folder and an environment")
    return {"stage": stage, "folder": folder, "environment": environment, "server": os.getpid()}


def _import_for(stage: str) -> None:
    """Import what a stage needs; what cannot be imported here fails in the job, which says so."""
    from stir_workflow.stages import import_for

    with contextlib.suppress(Exception):
        import_for(stage)
        # Forks share what they do not write to, and collecting garbage writes to all of it.
        gc.collect()
        gc.freeze()


def main() -> None:
    """Serve on the address and for the owner that the environment names."""
    gc.set_threshold(100_000, 20, 20)
    from stir.provenance import code_version, package_versions
    from stir_workflow.stages.gpu_lease import gpus

    try:
        server = Server(f"\0{os.environ[ADDRESS]}", int(os.environ[OWNER]))
    except (OSError, ProcessLookupError):
        sys.exit(1)  # another server was quicker, or the run has ended
    # What costs time and is kept, so that jobs need not ask again.
    code_version(), package_versions(), gpus()
    server.serve()
    # Without taking apart what was imported, which takes longer than a user waits.
    os._exit(0)


if __name__ == "__main__":
    main()
