"""Code, versions and device that made an artifact."""

import hashlib
import platform
import re
import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

DISTRIBUTIONS = {"stir": "stir-workflow", "torch": "torch", "numpy": "numpy", "h5py": "h5py"}
"""Name in records -> name of the distribution."""
CPU_INFO = Path("/proc/cpuinfo")
PACKAGE = Path(__file__).resolve().parent
DIGITS = 12
N_SHA1_DIGITS = 40
SECONDS_FOR_GIT = 10


@cache
def processor() -> str:
    """Return the machine's architecture and its processor's model, for example ``x86_64 AMD EPYC 9654``."""
    try:
        models = re.findall(r"^model name\s*: *(.*\S)", CPU_INFO.read_text(encoding="utf-8"), re.MULTILINE)
    except OSError:
        models = []
    return " ".join([platform.machine(), *(models or [platform.processor()])[:1]]).strip()


def device_kind(device: str) -> str:
    """Return the kind of device that PyTorch computes on; results are the same bit for bit only on the same kind.

    For a CPU this is the processor and the instruction set that PyTorch uses.
    """
    import torch

    if device.startswith("cuda"):
        return torch.cuda.get_device_name(device)
    return f"{processor()}, {torch.backends.cpu.get_cpu_capability()}"


@cache
def code_version(*further: Path) -> str:
    """Return an identifier of this package's code: ``COMMIT``, ``COMMIT+DIGEST`` or ``VERSION+DIGEST``.

    It is the git commit alone if every file of the package is unchanged. Otherwise a digest of
    the files is appended: to the commit if files were altered, added or removed, and to the
    package's version if git is not available (no clone, no git, a clone of another user).

    Parameters
    ----------
    *further : Path
        Folders of other packages to include.
    """
    versions = list(dict.fromkeys(map(_version_of, (PACKAGE, *further))))
    if len(versions) == 1:
        return versions[0]
    return f"{versions[0].partition('+')[0]}+{hashlib.sha256(' '.join(versions).encode()).hexdigest()[:DIGITS]}"


def _version_of(package: Path) -> str:
    files = _files(package)
    commit, committed = _committed(package)
    if commit and files.keys() == committed.keys() and all(_is_blob(files[name], committed[name]) for name in files):
        return commit
    digest = hashlib.sha256()
    for name, content in sorted(files.items()):
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    return f"{commit or package_versions()['stir']}+{digest.hexdigest()[:DIGITS]}"


def _files(package: Path) -> dict[str, bytes]:
    """Read all files of the package by name, except compiled and hidden ones."""
    names = (path.relative_to(package) for path in package.rglob("*") if path.is_file())
    return {name.as_posix(): (package / name).read_bytes() for name in names if _counts(name.as_posix())}


def _counts(name: str) -> bool:
    return not any(part == "__pycache__" or part.startswith(".") for part in name.split("/"))


def _committed(package: Path) -> tuple[str, dict[str, str]]:
    """Return the commit that is checked out, and the package's files in it: name -> digest of its blob; empty without git.

    ``git status`` is not used, since it overlooks ignored files and starts programs that a repository's configuration names.
    """
    if not any((folder / ".git").exists() for folder in package.parents[:2]):
        return "", {}
    try:
        commit = _git(package, "rev-parse", f"--short={DIGITS}", "HEAD").strip()
        listed = _git(package, "ls-tree", "-r", "-z", commit, ".").split("\0")
    except (OSError, subprocess.SubprocessError):
        return "", {}
    entries = [entry.split("\t", 1) for entry in listed if entry]
    return commit, {name: about.split()[-1] for about, name in entries if _counts(name)}


def _git(package: Path, *arguments: str) -> str:
    command = ["git", "-C", str(package), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=SECONDS_FOR_GIT).stdout


def _is_blob(content: bytes, digest: str) -> bool:
    """Return whether git gives a content this digest, in a repository with SHA-1 or SHA-256."""
    kind = "sha1" if len(digest) == N_SHA1_DIGITS else "sha256"
    return hashlib.new(kind, b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest() == digest


@cache
def package_versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that results depend on."""
    versions = {"python": platform.python_version()}
    return versions | {package: version_of(distribution) for package, distribution in DISTRIBUTIONS.items()}


def version_of(distribution: str) -> str:
    """Return the version of an installed distribution, or ``"unknown"``; nothing is imported."""
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "unknown"
