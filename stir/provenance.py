"""Which code, versions and device made an artifact."""

import platform
import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = ("stir", "torch", "numpy", "h5py")


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
