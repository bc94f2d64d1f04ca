"""Processes that end with another: no job outlives its run."""

import os
import signal
import threading

OWNER = "STIR_OWNER"
"""Environment variable: the process whose jobs these are."""


def die_with(process: int) -> None:
    """Kill this process as soon as another ends, however that ends.

    Where the system has no handles of processes (only Linux has), nothing is watched.

    Parameters
    ----------
    process : int
        Its number; if it is gone already, so is this process.
    """
    if not hasattr(os, "pidfd_open"):
        return
    try:
        handle = os.pidfd_open(process)
    except ProcessLookupError:
        os.kill(os.getpid(), signal.SIGKILL)
        return
    threading.Thread(target=_follow, args=(handle,), daemon=True, name=f"die with {process}").start()


def _follow(handle: int) -> None:
    import select

    watched = select.poll()
    # A handle of a process is readable once the process has ended.
    watched.register(handle, select.POLLIN)
    watched.poll()
    os.kill(os.getpid(), signal.SIGKILL)


def end_on_sigterm() -> None:
    """Let SIGTERM end this process in order, so that what it was writing is cleaned up."""
    signal.signal(signal.SIGTERM, lambda number, _frame: _leave(128 + number))


def _leave(code: int) -> None:
    raise SystemExit(code)
