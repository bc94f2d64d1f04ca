"""Mounted file systems for tests, which are skipped if mounting is not allowed."""

import os
import shutil
import subprocess
from contextlib import contextmanager

import pytest


def mount(*arguments):
    """Mount a file system, or skip the test if this is not allowed."""
    if os.getuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root can mount a file system")
    ran = subprocess.run(["mount", *map(str, arguments)], capture_output=True, text=True, check=False)
    if ran.returncode != 0:
        pytest.skip(f"cannot mount a file system here: {ran.stderr.strip()}")


@contextmanager
def small_disk(folder, kilobytes):
    """Give a new folder with a file system of its own."""
    folder.mkdir()
    mount("-t", "tmpfs", "-o", f"size={kilobytes}k", "none", folder)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)
