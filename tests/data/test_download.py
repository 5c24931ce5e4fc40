"""Downloads against a server of our own: mirrors, checksums, broken connections, resuming."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from striate.data import load, mnist
from striate.data.download import Remote, fetch, offline
from striate.errors import DataError

CONTENT = bytes(range(256)) * 5000
REMOTE = Remote("file.gz", f"sha256:{hashlib.sha256(CONTENT).hexdigest()}")


class Handler(BaseHTTPRequestHandler):
    """/good/ serves ranges, /whole/ ignores them, /cut/ breaks off, /wrong/ lies, else 404."""

    seen: list[tuple[str, str | None]]

    def do_GET(self) -> None:
        kind = self.path.split("/")[1]
        wanted = self.headers.get("Range")
        self.seen.append((kind, wanted))
        if kind not in ("good", "whole", "cut", "wrong"):
            self.send_error(404)
            return
        content = CONTENT[::-1] if kind == "wrong" else CONTENT
        start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted else 0
        if kind == "whole":
            start = 0
        if start >= len(content):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        body = content[start:]
        self.wfile.write(body[: len(body) // 2] if kind == "cut" else body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[tuple[str, list[tuple[str, str | None]]]]:
    seen: list[tuple[str, str | None]] = []
    handler = type("Recording", (Handler,), {"seen": seen})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{running.server_address[1]}", seen
        running.shutdown()
        thread.join()


def test_the_second_mirror_serves_when_the_first_has_nothing(server, tmp_path: Path) -> None:
    base, seen = server
    calls: list[tuple[int, int, str]] = []
    path = fetch(
        REMOTE, [f"{base}/none/", f"{base}/good/"], tmp_path, lambda *each: calls.append(each)
    )
    assert path.read_bytes() == CONTENT
    assert [kind for kind, _ in seen] == ["none", "good"]
    assert calls[-1] == (len(CONTENT), len(CONTENT), "downloading file.gz")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["file.gz"]


def test_a_file_that_is_there_is_not_fetched_again(server, tmp_path: Path) -> None:
    base, seen = server
    (tmp_path / "file.gz").write_bytes(CONTENT)
    fetch(REMOTE, [f"{base}/good/"], tmp_path)
    assert seen == []


def test_offline_only_what_is_there_is_found(server, tmp_path: Path) -> None:
    base, seen = server
    with offline(), pytest.raises(DataError, match=r"file\.gz could not be downloaded"):
        fetch(REMOTE, [f"{base}/good/"], tmp_path)
    assert seen == []
    assert fetch(REMOTE, [f"{base}/good/"], tmp_path).read_bytes() == CONTENT
    with offline():
        fetch(REMOTE, [f"{base}/good/"], tmp_path)


@pytest.mark.parametrize("then", ["good", "whole"])
def test_a_broken_download_goes_on_where_it_stopped(server, tmp_path: Path, then: str) -> None:
    base, seen = server
    with pytest.raises(DataError, match="could not be downloaded") as caught:
        fetch(REMOTE, [f"{base}/cut/"], tmp_path)
    assert "of 1,280,000 bytes" in str(caught.value)
    assert not (tmp_path / "file.gz").exists()
    have = (tmp_path / "file.gz.part").stat().st_size
    assert 0 < have < len(CONTENT)
    calls: list[tuple[int, int, str]] = []
    path = fetch(REMOTE, [f"{base}/{then}/"], tmp_path, lambda *each: calls.append(each))
    assert path.read_bytes() == CONTENT
    assert seen[-1] == (then, f"bytes={have}-")
    assert calls[-1][:2] == (len(CONTENT), len(CONTENT))
    assert (calls[0][0] > have) == (then == "good")


def test_a_whole_part_file_is_taken_as_it_is(server, tmp_path: Path) -> None:
    base, _ = server
    (tmp_path / "file.gz.part").write_bytes(CONTENT)
    assert fetch(REMOTE, [f"{base}/good/"], tmp_path).read_bytes() == CONTENT


def test_a_wrong_file_is_not_kept(server, tmp_path: Path) -> None:
    base, _ = server
    with pytest.raises(DataError, match="another file than expected"):
        fetch(REMOTE, [f"{base}/wrong/"], tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert fetch(REMOTE, [f"{base}/wrong/", f"{base}/good/"], tmp_path).read_bytes() == CONTENT


def test_offline_names_the_folder_to_fill(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.delenv("STRIATE_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(mnist, "cache_folder", lambda name: tmp_path / "cache" / name)
    closed = ("http://127.0.0.1:9/",)  # the discard port: nobody listens
    monkeypatch.setattr(
        mnist,
        "MNIST",
        mnist.IdxSet("mnist", mnist.MNIST.classes, ("mnist",), closed, mnist.MNIST.sha256),
    )
    with pytest.raises(DataError) as caught:
        mnist.load_idx_set(mnist.MNIST, data_dir=tmp_path)
    assert f"Put the file into {tmp_path / 'cache' / 'mnist'}" in str(caught.value)
    assert "STRIATE_DATA" in str(caught.value)


def test_files_in_the_cache_are_read_offline(tmp_path: Path, monkeypatch) -> None:
    from data.making import idx_folder

    monkeypatch.delenv("STRIATE_DATA", raising=False)
    monkeypatch.setattr(mnist, "cache_folder", lambda name: tmp_path / name)
    root = idx_folder(tmp_path / "fashion_mnist")
    monkeypatch.setattr(mnist, "fetch", lambda remote, *_: root / remote.name)
    assert len(load("fashion-mnist").test) == 40
