"""Checkpoints by URL, from a server on the loopback."""

import gzip
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from stir.errors import CheckpointError
from stir.models import downloads, load_checkpoint
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
    assert len(server.asked) == 1


def test_without_a_sha256_it_is_downloaded_anew(server):
    fetch_checkpoint(server.url)
    server.content = b"other"
    assert fetch_checkpoint(server.url).read_bytes() == b"other"
    assert len(server.asked) == 2


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
    assert len(server.asked) == failures + 1


def test_a_damaged_download_is_tried_again(model, weights, server, monkeypatch):
    answers = [server.content, server.content[:100]]
    monkeypatch.setattr(type(server), "content", property(lambda _server: answers.pop()), raising=False)
    load_checkpoint(model, server.url, sha256=server.sha256)
    assert _holds(model, weights)
    assert len(server.asked) == 2


def test_a_server_that_is_not_there(model, server):
    with pytest.raises(CheckpointError, match="Cannot get the checkpoint from http://127"):
        load_checkpoint(model, "http://127.0.0.1:1/weights.pt")


def answering(body, *, status=200, **headers):
    """Answer with headers as given, then with what of the body can be sent."""

    def answer(handler):
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), str(value))
        handler.end_headers()
        for part in body:
            handler.wfile.write(part)

    return answer


def refused(server, message, tmp_path, **settings):
    started = time.monotonic()
    with pytest.raises(CheckpointError, match=rf"\ACannot get the checkpoint from {server.url}: [^\n]*{message}[^\n]*\Z"):
        fetch_checkpoint(server.url, **settings)
    assert not list((tmp_path / "cache" / "stir").iterdir()), "something was left in the cache"
    return time.monotonic() - started


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr("stir.downloads.PATIENCE", 0.5)


def trickle(handler):
    for _ in range(200):
        time.sleep(0.05)
        yield b"x"


@pytest.mark.parametrize("of_what", ["body", "headers", "silence"])
def test_a_server_that_trickles_is_left(server, tmp_path, impatient, of_what):
    def answer(handler):
        if of_what == "body":
            answering(trickle(handler), Content_Length=10**6)(handler)
        elif of_what == "headers":
            handler.wfile.write(b"HTTP/1.0 200 OK\r\nX: ")
            for part in trickle(handler):
                handler.wfile.write(part)
        else:
            time.sleep(3)

    server.script = [answer] * 10
    assert refused(server, "" if of_what == "silence" else "under 60,000 bytes arrived in 0.5 s", tmp_path) < 8


def test_a_download_that_takes_too_long_is_left(server, tmp_path, monkeypatch):
    monkeypatch.setattr(downloads, "MAX_SECONDS", 0.3)
    server.script = [answering((part * 100_000 for part in trickle(None)), Content_Length=10**9)]
    assert refused(server, r"takes more than 0\.3 s; [1-9][0-9,]* bytes arrived", tmp_path) < 8


def test_what_is_too_large_is_refused_before_or_while_it_comes(server, tmp_path, monkeypatch):
    monkeypatch.setattr(downloads, "MAX_BYTES", 1_000_000)
    bomb = gzip.compress(bytes(50_000_000))
    for answer in (
        answering([], Content_Length=10**18),
        answering(bytes(10_000) for _ in range(500)),
        answering([bomb], Content_Length=len(bomb), Content_Encoding="gzip"),
    ):
        server.script = [answer]
        refused(server, "more than 1,000,000 bytes", tmp_path)
        assert not server.script
    assert len(server.asked) == 3, "what is too large is not asked for again"


def test_a_compressed_answer_is_unpacked(server):
    packed = gzip.compress(server.content)
    server.script = [answering([packed], Content_Length=len(packed), Content_Encoding="gzip")]
    assert fetch_checkpoint(server.url, sha256=server.sha256).read_bytes() == server.content


def test_a_length_that_lies_is_no_whole_file(server, tmp_path):
    server.script = [answering([server.content], Content_Length=len(server.content) + 1)] * 4
    refused(server, "IncompleteRead|incomplete|more expected", tmp_path)
    server.script = [answering([server.content], Content_Length=len(server.content) - 1)] * 4
    refused(server, "expected SHA-256", tmp_path, sha256=server.sha256)


def test_redirects_are_followed_but_not_for_ever_nor_elsewhere_than_the_web(server, tmp_path):
    server.script = [answering([], status=302, Location="/there", Content_Length=0)]
    assert fetch_checkpoint(server.url, sha256=server.sha256).read_bytes() == server.content
    for path in (tmp_path / "cache" / "stir").iterdir():
        path.unlink()
    server.script = [answering([], status=302, Location="/again", Content_Length=0)] * 200
    refused(server, "redirects", tmp_path)
    server.script = [answering([], status=302, Location="file:///etc/passwd", Content_Length=0)] * 4
    refused(server, "No connection adapters", tmp_path)


@pytest.mark.parametrize("url", ["http://", "http://[", "http://a b/x", "http://127.0.0.1:99999/x", "HTTP:///x", "http://\n/x"])
def test_urls_that_are_none(server, url):
    with pytest.raises(CheckpointError, match=r"\ACannot get the checkpoint from [^\n]*\Z"):
        fetch_checkpoint(url)


def test_two_urls_that_end_alike_never_get_each_others_file(server):
    """Each asks for its own, at once, without a hash that would tell."""

    def answer(handler):
        answering([handler.path.encode()], Content_Length=len(handler.path))(handler)

    folders = [f"/{number}/weights.safetensors" for number in range(4)] * 8
    server.script = [answer] * len(folders)
    base = server.url.rpartition("/")[0]
    with ThreadPoolExecutor(8) as pool:
        got = list(pool.map(lambda folder: fetch_checkpoint(base + folder).read_text(), folders))
    assert got == folders


def test_a_file_of_the_cache_stays_whole_while_it_is_replaced(server, tmp_path):
    first = fetch_checkpoint(server.url)
    seen = []
    server.script = [answering(seen.append(first.read_bytes()) or server.content[n : n + 100] for n in range(0, 2000, 100))]
    fetch_checkpoint(server.url)
    assert set(seen) == {server.content}


def test_progress_is_shown(server, monkeypatch, capsys):
    monkeypatch.setattr("stir.downloads.SHOW_AFTER", 0.0)
    monkeypatch.setattr("stir.progress.SECONDS_BETWEEN_LINES", 0.0)
    fetch_checkpoint(server.url)
    assert "weights.safetensors" in capsys.readouterr().err


def test_no_thread_is_left_that_downloads(server, impatient, tmp_path):
    before = {thread for thread in threading.enumerate() if "_run" in thread.name}
    server.script = [answering(trickle(None), Content_Length=10**6)]
    refused(server, "arrived", tmp_path)
    time.sleep(0.5)
    assert {thread for thread in threading.enumerate() if "_run" in thread.name} <= before


def test_a_cache_that_cannot_be_written_to_is_named(server, tmp_path):
    (tmp_path / "cache").write_text("in the way")
    with pytest.raises(CheckpointError, match=r"Cannot get the checkpoint from .*cache"):
        fetch_checkpoint(server.url)
