"""Checkpoints by URL, from a server on the loopback."""

import pytest
import torch

from stir.errors import CheckpointError
from stir.models import load_checkpoint
from stir.models.checkpoints import fetch_checkpoint


def _holds(model, weights):
    torch.testing.assert_close(dict(model.state_dict()), dict(weights), rtol=0, atol=0)
    return True


def test_a_url_is_downloaded_into_the_cache_and_loaded(model, weights, server, tmp_path):
    load_checkpoint(model, server.url, sha256=server.sha256)
    assert _holds(model, weights)
    (cached,) = (tmp_path / "cache" / "stir").iterdir()
    assert cached.read_bytes() == server.content


def test_with_a_sha256_it_is_downloaded_once(model, weights, server):
    for sha256 in (server.sha256, server.sha256):
        assert fetch_checkpoint(server.url, sha256=sha256).read_bytes() == server.content
    assert server.requests == 1


def test_without_a_sha256_it_is_downloaded_anew(server):
    fetch_checkpoint(server.url)
    server.content = b"other"
    assert fetch_checkpoint(server.url).read_bytes() == b"other"
    assert server.requests == 2


def test_sha256_in_capitals_is_the_same(server):
    assert fetch_checkpoint(server.url, sha256=server.sha256.upper()).is_file()


def test_a_wrong_sha256_is_refused_and_the_file_not_kept(model, server, tmp_path):
    before = model[3].weight.clone()
    with pytest.raises(CheckpointError, match=rf"Cannot get the checkpoint from {server.url}: .*hash"):
        load_checkpoint(model, server.url, sha256="0" * 64)
    assert torch.equal(model[3].weight, before)
    assert not list((tmp_path / "cache" / "stir").iterdir())


def test_a_page_that_is_not_there(model, server):
    server.script = [404] * 10
    with pytest.raises(CheckpointError, match=r"Cannot get the checkpoint from http://127.*404"):
        load_checkpoint(model, server.url)


@pytest.mark.parametrize("failures", [1, 3])
def test_a_server_that_fails_is_asked_again(model, weights, server, failures):
    server.script = [503] * failures
    load_checkpoint(model, server.url, sha256=server.sha256)
    assert _holds(model, weights)
    assert server.requests == failures + 1


def test_a_damaged_download_is_tried_again(model, weights, server, monkeypatch):
    answers = [server.content, server.content[:100]]
    monkeypatch.setattr(type(server), "content", property(lambda _server: answers.pop()), raising=False)
    load_checkpoint(model, server.url, sha256=server.sha256)
    assert _holds(model, weights)
    assert server.requests == 2


def test_a_server_that_is_not_there(model, server):
    with pytest.raises(CheckpointError, match="Cannot get the checkpoint from http://127"):
        load_checkpoint(model, "http://127.0.0.1:1/weights.pt")
