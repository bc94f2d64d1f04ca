"""Artifacts are transferred through a folder or an S3-like server; damaged files are refused."""

import socket
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest

pytestmark = pytest.mark.long


def damaged(content):
    return {
        "cut": content[: len(content) // 2],
        "altered": content[:100] + bytes([content[100] ^ 1]) + content[101:],
        "empty": b"",
    }


@pytest.mark.parametrize("harm", ["cut", "altered", "empty"])
def test_a_damaged_object_of_a_folder_is_refused(origin, tmp_path, harm):
    """A copy of the remote, so that the others keep theirs."""
    clone = origin.clone(tmp_path / "clone")
    store = tmp_path / "store"
    clone.run("cp", "-r", origin.path.parent / "store", store)
    clone.run("dvc", "remote", "modify", "--local", "store", "url", store)
    largest = max((file for file in store.rglob("*") if file.is_file()), key=lambda file: file.stat().st_size)
    largest.chmod(0o644)
    largest.write_bytes(damaged(largest.read_bytes())[harm])
    clone.run("dvc", "pull", code="any failure")
    assert largest.name not in {file.name for file in (clone.path / ".dvc" / "cache").rglob("*")}
    assert sum(clone.due().values()) > 1, "what is missing is due, and nothing damaged is there"
    assert clone.run("stir", "verify").endswith("0 are not\n")


@contextmanager
def s3_server(log):
    """Serve S3 on the loopback interface at a free port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with log.open("w") as said, subprocess.Popen(command, stdout=said, stderr=said) as server:
        try:
            for _ in range(600):
                with socket.socket() as door:
                    if door.connect_ex(("127.0.0.1", port)) == 0:
                        break
                assert server.poll() is None, log.read_text()
                time.sleep(0.1)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.kill()


def s3(url, code):
    """Run a line on a client of the server in a separate process, so that the client's warnings are not errors here."""
    program = f"import boto3; s3 = boto3.client('s3', endpoint_url={url!r}); {code}"
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60).stdout


@pytest.fixture
def bucket(tmp_path, monkeypatch):
    for name, value in {"AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any", "AWS_DEFAULT_REGION": "us-east-1"}.items():
        monkeypatch.setenv(name, value)
    with s3_server(tmp_path / "server.log") as url:
        s3(url, "s3.create_bucket(Bucket='stir')")
        yield url


def through(clone, url):
    """Name the bucket as the clone's remote."""
    clone.run("dvc", "remote", "add", "--local", "--default", "cloud", "s3://stir/artifacts")
    clone.run("dvc", "remote", "modify", "--local", "cloud", "endpointurl", url)
    clone.run("dvc", "remote", "modify", "--local", "cloud", "verify", "true")
    return clone


def test_artifacts_go_through_an_s3_server_and_damaged_ones_are_refused(pulled, origin, bucket, tmp_path):
    through(pulled, bucket).run("dvc", "push")
    other = through(origin.clone(tmp_path / "other"), bucket)
    other.run("dvc", "pull")
    assert other.due() == {}
    names = [file.relative_to(pulled.path) for file in pulled.files()]
    assert names == [file.relative_to(other.path) for file in other.files()]
    assert [(pulled.path / name).read_bytes() for name in names] == [(other.path / name).read_bytes() for name in names]

    largest = "max(s3.list_objects_v2(Bucket='stir')['Contents'], key=lambda found: found['Size'])['Key']"
    cut = (
        f"key = {largest}; s3.put_object(Bucket='stir', Key=key, Body=s3.get_object(Bucket='stir', Key=key)['Body'].read()[:99])"
    )
    s3(bucket, cut)
    third = through(origin.clone(tmp_path / "third"), bucket)
    third.run("dvc", "pull", code="any failure")
    assert sum(third.due().values()) > 1
    assert third.run("stir", "verify").endswith("0 are not\n")
