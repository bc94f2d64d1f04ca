"""Make an environment beside the PyTorch that is installed, and run ``gpu.py`` in it: ``make bench-gpu``.

The PyTorch and torchvision of the Python that runs this are used as they are, and only what is missing beside them is
installed, in ``.venv-gpu``. Without PyTorch it is installed, too, which takes minutes more. Needs nothing but Python 3.11.
"""

import hashlib
import importlib.metadata
import os
import subprocess
import sys
import time
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENT = ROOT / ".venv-gpu"
KEPT = ("torch", "torchvision", "triton")
EXTRAS = "photographs"
BEGAN = "STIR_BENCH_BEGAN"


def kept_versions() -> list[str]:
    """Return ``NAME==VERSION`` of the packages that must stay as they are."""
    found = []
    for name in KEPT:
        try:
            found.append(f"{name}=={importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def site_packages() -> list[str]:
    """Return the folders of packages of the Python that runs this."""
    return [path for path in sys.path if Path(path).name in ("site-packages", "dist-packages") and Path(path).is_dir()]


def environment(constraints: list[str]) -> Path:
    """Return the Python of the environment; make it if it is missing or was made for other versions."""
    python, stamp = ENVIRONMENT / "bin" / "python", ENVIRONMENT / ".installed"
    made_for = hashlib.sha256(repr((sys.version, constraints, (ROOT / "pyproject.toml").read_text())).encode()).hexdigest()
    if stamp.is_file() and stamp.read_text() == made_for:
        return python
    venv.create(ENVIRONMENT, clear=True, with_pip=True)
    folder = subprocess.check_output([python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], text=True).strip()
    Path(folder, "beside.pth").write_text("\n".join(site_packages()) + "\n")
    (ENVIRONMENT / "constraints.txt").write_text("\n".join(constraints) + "\n")
    install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-c", ENVIRONMENT / "constraints.txt"]
    subprocess.run([*install, "-e", f"{ROOT}[{EXTRAS}]"], check=True)
    stamp.write_text(made_for)
    return python


def main() -> None:
    """Install, and become the benchmark; the time of the installation counts."""
    began, kept = time.time(), kept_versions()
    print(f"Beside {', '.join(kept) or 'no PyTorch: it is installed, too'}", flush=True)
    try:
        python = environment(kept)
    except subprocess.CalledProcessError as error:
        sys.exit(f"Expected to install this package beside {', '.join(kept)}; {error}. See pip's message above.")
    os.environ[BEGAN] = str(began)
    os.execv(python, [str(python), str(Path(__file__).with_name("gpu.py")), *sys.argv[1:]])


if __name__ == "__main__":
    main()
