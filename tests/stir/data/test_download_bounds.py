"""Downloads end: in size, unpacked size and time; nothing but the whole file lands, and progress is shown."""

import gzip
import hashlib
import os
import time

import pytest

from stir.data import downloads
from stir.data.downloads import download
from stir.errors import DatasetError

CONTENT = os.urandom(300_000)


def answer(*pieces, pause=0.0, **headers):
    """Return what answers with pieces, however many."""

    def send(request):
        request.send_response(200)
        for name, value in headers.items():
            request.send_header(name.replace("_", "-"), value)
        request.end_headers()
        for piece in pieces[0] if len(pieces) == 1 and not isinstance(pieces[0], bytes) else pieces:
            request.wfile.write(piece)
            request.wfile.flush()
            time.sleep(pause)

    return send


def endless():
    while True:
        yield bytes(2**16)


def fetch(server, folder, sent, content=CONTENT):
    server.answers["mine.tar"] = sent
    download(f"{server.url}mine.tar", folder / "mine.tar", hashlib.md5(content).hexdigest(), what="mine")


def refused(server, folder, sent, match):
    with pytest.raises(DatasetError, match=rf"mine is not at .* cannot be downloaded from {server.url}mine.tar: {match}"):
        fetch(server, folder, sent)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    "sent",
    [
        answer(CONTENT, Content_Length=str(len(CONTENT))),
        answer(CONTENT),
        answer(gzip.compress(CONTENT), Content_Encoding="gzip"),
        answer([gzip.compress(CONTENT)[n : n + 1] for n in range(20)] + [gzip.compress(CONTENT)[20:]], Content_Encoding="gzip"),
    ],
    ids=["as it is", "without a length", "compressed", "compressed, in bits"],
)
def test_a_whole_file_lands(server, tmp_path, sent):
    fetch(server, tmp_path, sent)
    assert (tmp_path / "mine.tar").read_bytes() == CONTENT
    assert [path.name for path in tmp_path.iterdir()] == ["mine.tar"]


@pytest.mark.parametrize(
    "sent",
    [
        answer(endless()),
        answer(b"x", Content_Length=str(10**9)),
        answer(gzip.compress(bytes(10**7)), Content_Encoding="gzip"),
    ],
    ids=["endless", "by its length", "unpacked"],
)
def test_more_bytes_than_a_dataset_has_are_not_taken(server, tmp_path, monkeypatch, sent):
    monkeypatch.setattr(downloads, "MAX_BYTES", 10**6)
    refused(server, tmp_path, sent, "it has more than 1,000,000 bytes")
    assert len(server.asked) == 1, "it is not asked for again"


def test_a_server_that_sends_a_byte_now_and_then_is_not_waited_for_ever(server, tmp_path, monkeypatch):
    monkeypatch.setattr(downloads, "MAX_SECONDS", 0.3)
    began = time.monotonic()
    refused(server, tmp_path, answer([b"x"] * 100, pause=0.05), r"it takes more than 0\.3 s; .* bytes arrived")
    assert time.monotonic() - began < 2


def test_a_server_that_says_nothing_is_given_up(server, tmp_path, monkeypatch):
    monkeypatch.setattr("stir.downloads.PATIENCE", 0.1)
    refused(server, tmp_path, answer([b"x", b"y"], pause=0.3), "(.*[Rr]ead timed out|under 60,000 bytes arrived in 0.1 s)")


def test_a_file_that_is_cut_does_not_land(server, tmp_path):
    refused(server, tmp_path, answer(CONTENT[:1000], Content_Length=str(len(CONTENT))), ".*")
    assert len(server.asked) == 4


def test_progress_is_shown(server, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("stir.downloads.SHOW_AFTER", 0.0)
    monkeypatch.setattr("stir.progress.SECONDS_BETWEEN_LINES", 0.0)
    content = bytes(3 * 10**6)
    fetch(server, tmp_path, answer(content, Content_Length=str(len(content))), content)
    assert "Downloading mine: 100%, 3/3 megabytes" in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["a folder", "a FIFO", "a link that leads nowhere"])
def test_what_is_in_the_files_place_is_named_and_not_opened(server, tmp_path, kind):
    path = tmp_path / "mine.tar"
    {"a folder": path.mkdir, "a FIFO": lambda: os.mkfifo(path)}.get(kind, lambda: path.symlink_to("nowhere"))()
    with pytest.raises(DatasetError, match=rf"Expected mine at .*mine\.tar, or nothing; there is {kind}"):
        fetch(server, tmp_path, answer(CONTENT))
    assert not server.asked
