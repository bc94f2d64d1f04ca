"""Processes that end with another: no job outlives its run."""

import os
import signal
import threading

OWNER = "STIR_OWNER"
"""Environment variable: the process whose jobs these are."""


def end_with_owner() -> None:
    """End this process with the run that it belongs to, and end it in order on SIGTERM.

    A run that is killed kills its jobs; SIGTERM lets a job clean up what it was writing. Where the system has no
    handles of processes (only Linux has), the run is not watched.
    """
    signal.signal(signal.SIGTERM, lambda number, _frame: _leave(128 + number))
    if OWNER in os.environ and hasattr(os, "pidfd_open"):
        _die_with(int(os.environ[OWNER]))


def _die_with(process: int) -> None:
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


def _leave(code: int) -> None:
    raise SystemExit(code)
