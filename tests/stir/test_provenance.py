"""Records of the code, versions and device in artifacts."""

import os
import platform
import re
import shutil
import subprocess
import sys

import pytest

from stir import provenance
from stir.provenance import processor


@pytest.fixture
def cpu_info(tmp_path, monkeypatch):
    monkeypatch.setattr(provenance, "CPU_INFO", tmp_path / "cpuinfo")
    processor.cache_clear()
    yield tmp_path / "cpuinfo"
    processor.cache_clear()


def test_the_processor_is_named_by_architecture_and_model(cpu_info):
    cpu_info.write_text("processor\t: 0\nmodel\t\t: 17\nmodel name\t: AMD EPYC 9654 \n" * 2, encoding="utf-8")
    assert processor() == f"{platform.machine()} AMD EPYC 9654"


@pytest.mark.parametrize("text", [None, "processor\t: 0\n"])
def test_where_no_model_is_told_the_architecture_is(cpu_info, text):
    if text:
        cpu_info.write_text(text, encoding="utf-8")
    assert processor().startswith(platform.machine())


def test_the_processor_is_told_without_torch():
    asked = "import sys; from stir.provenance import processor; processor(); print('torch' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert ran.stdout == "False\n"


class TestTheCode:
    """Code is identified by its commit, and by a digest of its files if the commit does not suffice."""

    @pytest.fixture
    def package(self, tmp_path, monkeypatch):
        """A clone with a package of two files, which is asked for its version like this one."""
        for name in ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM"):
            monkeypatch.setenv(name, os.devnull)
        for who in ("AUTHOR", "COMMITTER"):
            monkeypatch.setenv(f"GIT_{who}_NAME", "name")
            monkeypatch.setenv(f"GIT_{who}_EMAIL", "name@example.org")
        package = tmp_path / "stir"
        (package / "inner").mkdir(parents=True)
        (package / "a.py").write_text("A = 1\n", encoding="utf-8")
        (package / "inner" / "b ü.py").write_text("B = 1\n", encoding="utf-8")
        (tmp_path / ".gitignore").write_text("ignored.py\n__pycache__/\n", encoding="utf-8")
        self.git(tmp_path, "init", "--quiet")
        self.git(tmp_path, "add", "--all")
        self.git(tmp_path, "commit", "--quiet", "--message", "Code")
        monkeypatch.setattr(provenance, "PACKAGE", package)
        return package

    def git(self, folder, *arguments):
        return subprocess.run(["git", "-C", folder, *arguments], capture_output=True, text=True, check=True).stdout

    def version(self):
        return provenance.code_version.__wrapped__()

    def test_is_its_commit_where_nothing_is_altered(self, package):
        assert self.version() == self.git(package, "rev-parse", "--short=12", "HEAD").strip()
        (package / "__pycache__").mkdir()
        (package / "__pycache__" / "a.pyc").write_bytes(b"compiled")
        (package / ".a.py.swp").write_bytes(b"of an editor")
        (package.parent / "README.md").write_text("Beside the package.", encoding="utf-8")
        assert "+" not in self.version()

    def test_is_marked_by_what_it_was_altered_to(self, package):
        commit, changes = self.version(), {}
        for name, text in {"a.py": "A = 2\n", "inner/b ü.py": "B = 2\n", "new.py": "", "ignored.py": ""}.items():
            before = (package / name).read_bytes() if (package / name).exists() else None
            (package / name).write_text(text, encoding="utf-8")
            changes[name] = self.version()
            (package / name).unlink() if before is None else (package / name).write_bytes(before)
        (package / "a.py").unlink()
        changes["removed"] = self.version()
        assert all(re.fullmatch(rf"{commit}\+[0-9a-f]{{12}}", version) for version in changes.values())
        assert len(set(changes.values())) == len(changes), "no two share a version"

    def test_of_another_package_counts_too(self, package, tmp_path):
        pipeline = tmp_path / "workflow" / "pipeline"
        pipeline.mkdir(parents=True)
        (pipeline / "c.py").write_text("C = 1\n", encoding="utf-8")
        self.git(tmp_path, "add", "--all")
        self.git(tmp_path, "commit", "--quiet", "--message", "Pipeline")
        both = provenance.code_version.__wrapped__
        commit = both(pipeline)
        assert commit == self.version()
        (pipeline / "c.py").write_text("C = 2\n", encoding="utf-8")
        assert re.fullmatch(rf"{commit}\+[0-9a-f]{{12}}", both(pipeline))
        assert self.version() == commit

    def test_that_git_is_told_to_overlook_is_marked(self, package):
        self.git(package, "update-index", "--assume-unchanged", "a.py")
        (package / "a.py").write_text("A = 2\n", encoding="utf-8")
        assert "+" in self.version()

    @pytest.mark.parametrize("why", ["no clone", "no git", "another user's clone", "no commit"])
    def test_is_a_digest_where_git_cannot_tell(self, package, monkeypatch, why):
        if why == "no clone":
            shutil.rmtree(package.parent / ".git")
        elif why == "no git":
            monkeypatch.setenv("PATH", os.devnull)
        elif why == "another user's clone":
            monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
        else:
            shutil.rmtree(package.parent / ".git")
            subprocess.run(["git", "init", "--quiet", package.parent], check=True)
        first = self.version()
        assert re.fullmatch(rf"{re.escape(provenance.package_versions()['stir'])}\+[0-9a-f]{{12}}", first)
        (package / "a.py").write_text("A = 2\n", encoding="utf-8")
        assert self.version() not in (first, provenance.package_versions()["stir"])

    def test_starts_none_of_the_programs_that_a_clone_names(self, package):
        self.git(package, "config", "core.fsmonitor", f"touch {package.parent}/started #")
        self.version()
        assert not (package.parent / "started").exists()
