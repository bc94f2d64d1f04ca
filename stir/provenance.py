"""Which code, versions and device made an artifact."""

import platform
import re
import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = ("stir", "torch", "numpy", "h5py")
CPU_INFO = Path("/proc/cpuinfo")


@cache
def processor() -> str:
    """Return the machine's architecture and its processor's model, for example ``x86_64 AMD EPYC 9654``."""
    try:
        models = re.findall(r"^model name\s*: *(.*\S)", CPU_INFO.read_text(encoding="utf-8"), re.MULTILINE)
    except OSError:
        models = []
    return " ".join([platform.machine(), *(models or [platform.processor()])[:1]]).strip()


def device_kind(device: str) -> str:
    """Return the kind of device that PyTorch computes on; results are the same bit for bit on one kind only.

    Of a CPU that is the processor, and the vector instructions that PyTorch takes there.
    """
    import torch

    if device.startswith("cuda"):
        return torch.cuda.get_device_name(device)
    return f"{processor()}, {torch.backends.cpu.get_cpu_capability()}"


@cache
def code_version() -> str:
    """Return the git commit of the source tree (``+`` if altered), else the package version."""
    root = Path(__file__).resolve().parent.parent
    if not (root / ".git").exists():
        return package_versions()["stir"]
    git = ["git", "-C", str(root)]
    try:
        commit = subprocess.run([*git, "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True, check=True)
        changes = subprocess.run(
            [*git, "status", "--porcelain", "--untracked-files=no", "stir"], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return package_versions()["stir"]
    return commit.stdout.strip() + ("+" if changes.stdout.strip() else "")


@cache
def package_versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that results depend on."""
    versions = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = "unknown"
    return versions
