"""Every route of both pages' servers, found by asking the apps themselves, against the outside."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from support.web.preview import eventually
from support.web.served_pages import PAGES, SHOT, Served, concrete, served

from bgblur.config.file import load
from bgblur.daemon.daemon import Daemon
from bgblur.errors import UsageError
from bgblur.localhost import limits as http_limits
from bgblur.sinks.web.app import MAX_BODY_BYTES
from bgblur.training.record.server import MAX_MASK_BYTES

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
LONGEST = {"/api/set": MAX_BODY_BYTES, "/api/accept/{name}": MAX_MASK_BYTES}


@pytest.fixture(scope="module", params=PAGES)
def one(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with served(request.param, tmp_path_factory.mktemp(request.param)) as server:
        yield server


def refused(answer: httpx.Response) -> None:
    assert answer.status_code == 403
    assert answer.text == "" or answer.text.count("\n") == 1
    assert answer.headers["cache-control"] == "no-store"


def test_nobody_else_gets_or_changes_anything(one: Served) -> None:
    """No token, a wrong one, a foreign host name, a foreign page: for every route and method."""
    foreign: list[dict[str, Any]] = [
        {"token": False},
        {"token": False, "headers": {"Cookie": f"token={one.token}"}},
        {"token": False, "headers": {"Authorization": f"Bearer {one.token}"}},
        {"headers": {"Host": f"evil.example:{one.port}"}},
        {"headers": {"Host": f"127.0.0.1.evil.example:{one.port}"}},
        {"headers": {"Origin": "http://evil.example"}},
        {"headers": {"Origin": "null"}},
        {"headers": {"Origin": f"https://127.0.0.1:{one.port}"}},
    ]
    waiting = len(one.folder.waiting())
    tried = 0
    for route in one.routes:
        for method in METHODS:
            for how in foreign:
                refused(one.request(method, concrete(route.path), **how))
                tried += 1
    assert tried == len(one.routes) * len(METHODS) * len(foreign)
    assert one.changed == 0
    assert len(one.folder.waiting()) == waiting
    assert one.newest.watchers == 0


def test_only_the_methods_that_were_meant(one: Served) -> None:
    for route in one.routes:
        for method in set(METHODS) - (route.methods or set()):
            answer = one.request(method, concrete(route.path))
            assert answer.status_code == 405, (method, route.path)


def test_no_answer_is_longer_than_its_question_allows(one: Served) -> None:
    for route in one.routes:
        if "POST" not in (route.methods or ()):
            continue
        most = LONGEST.get(route.path, 0)
        with contextlib.suppress(httpx.TransportError):  # cut off while it was still sending
            answer = one.request("POST", concrete(route.path), content=b"x" * (most + 70_000))
            assert answer.status_code in ((413,) if most else (200, 422)), route.path
    assert one.request("GET", "/").status_code == 200


@pytest.mark.parametrize(
    "name",
    ["..", "../../etc/passwd", "..%2f..%2fetc%2fpasswd", "%2e%2e", "0001%00", "/etc/passwd", "~",
     "0001/../../x", "%ff", "unreviewed", "0001.jpg"],
)  # fmt: skip
def test_no_name_leads_out_of_the_folder(one: Served, name: str) -> None:
    for route in one.routes:
        if "{" not in route.path:
            continue
        for method in route.methods or ():
            path = route.path.replace("{name}", name)
            with socket.create_connection(("127.0.0.1", one.port), timeout=60) as raw:
                head = f"{method} {path}?token={one.token} HTTP/1.1\r\nConnection: close\r\n"
                raw.sendall(f"{head}Host: 127.0.0.1:{one.port}\r\n\r\n".encode())
                answer = raw.makefile("rb").read()
            assert answer.split(b" ")[1] in (b"404", b"405", b"422"), (path, answer[:99])
    assert [shot.name for shot in one.folder.waiting()] in ([SHOT], [])


# ------------------------------------------------------------ those who take their time


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Served]:
    monkeypatch.setattr(http_limits, "REQUEST_WITHIN", 0.6)
    monkeypatch.setattr(http_limits, "_CHECK_EVERY", 0.1)
    with served("preview", tmp_path, live=True) as server:
        yield server


def connected(one: Served, text: str = "") -> socket.socket:
    raw = socket.create_connection(("127.0.0.1", one.port), timeout=60)
    raw.sendall(text.format(token=one.token, port=one.port).encode())
    return raw


def ends(raw: socket.socket) -> bool:
    with contextlib.suppress(ConnectionError):
        while raw.recv(65536):
            pass
    return True


HOST = "Host: 127.0.0.1:{port}\r\n"


@pytest.mark.parametrize(
    "begun",
    [
        "",
        "GET /",
        "GET /?token={token} HTTP/1.1\r\nX: ",
        "POST /api/set?token={token} HTTP/1.1\r\n" + HOST + "Content-Length: 9\r\n\r\n{{",
        "POST /api/set HTTP/1.1\r\n" + HOST + "Content-Length: 9\r\n\r\n{{",
        "GET /?token={token} HTTP/1.1\r\n" + HOST + "\r\nGET /",
    ],
    ids=["silent", "half a line", "half a head", "half a body", "no token", "half of a second"],
)
def test_a_request_that_never_ends_is_cut_off(hasty: Served, begun: str) -> None:
    with connected(hasty, begun) as raw:
        assert ends(raw)


def test_a_slow_request_is_cut_off_too(hasty: Served) -> None:
    with connected(hasty) as raw, contextlib.suppress(ConnectionError):
        began = time.monotonic()
        for byte in b"GET /?token=abc HTTP/1.1\r\nX-Slow: " + b"a" * 100:
            raw.sendall(bytes([byte]))
            time.sleep(0.1)
            assert time.monotonic() - began < 10


def test_a_viewer_is_not_cut_off(hasty: Served) -> None:
    with connected(hasty, "GET /stream?token={token} HTTP/1.1\r\n" + HOST + "\r\n") as raw:
        until = time.monotonic() + 2
        while time.monotonic() < until:
            assert raw.recv(65536)
            hasty.newest.put(hasty.newest.picture)  # type: ignore[arg-type]


def test_a_request_every_second_is_not_cut_off(
    hasty: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_limits, "REQUEST_WITHIN", 2.0)
    with httpx.Client(trust_env=False, params={"token": hasty.token}) as client:
        for _ in range(8):
            assert client.get(hasty.origin + "/api/status").status_code == 200
            time.sleep(0.4)


def open_files() -> int:
    return psutil.Process().num_fds() if os.name == "posix" else 0


def test_no_crowd_uses_up_the_daemons_files(tmp_path: Path) -> None:
    with served("preview", tmp_path) as one, contextlib.ExitStack() as crowd:
        before = open_files()
        ours = [crowd.enter_context(connected(one)) for _ in range(4 * http_limits.MAX_CONNECTIONS)]
        time.sleep(0.5)
        assert open_files() - before - len(ours) <= http_limits.MAX_CONNECTIONS + 8
        crowd.close()

        def served_again() -> bool:
            with contextlib.suppress(httpx.TransportError):
                return one.request("GET", "/").status_code == 200
            return False

        assert eventually(served_again)


# ------------------------------------------------------------ what may be set through the page


def no_pictures(folder: Path) -> list[str]:
    os.mkfifo(folder / "pipe")
    (folder / "loop").symlink_to("loop")
    (folder / "sparse.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    os.truncate(folder / "sparse.png", 10**12)
    (folder / "bomb.bmp").write_bytes(
        b"BM"
        + bytes(12)
        + b"\x28\0\0\0"
        + (60000).to_bytes(4, "little") * 2
        + b"\1\0\x18\0"
        + bytes(24)
    )
    return [
        "/etc/shadow", "/etc/passwd", "/dev/zero", "/dev/urandom", "/dev/stdin", "/proc/self/mem",
        "/proc/self/environ", "../../../../etc/passwd", str(folder), str(folder / "pipe"),
        str(folder / "loop"), str(folder / "sparse.png"), str(folder / "bomb.bmp"), "~", "~nobody",
        "~no-such-user/x.png", "\0", "a\0.png", "a\nb\x1b[2J.png", "x" * 300, "x/" * 200, "\ud800",
        "http://127.0.0.1:9/x.png", "concat:/etc/passwd|/etc/group", "rtsp://127.0.0.1:9/", "-", "",
        "file:///etc/passwd", "%s%n", "'; rm -rf /",
    ]  # fmt: skip


def test_no_name_on_the_page_reads_more_than_pictures(tmp_path: Path) -> None:
    """Through the daemon's own handler: one line for each, soon, and the file is left as it was."""
    config = tmp_path / "config.toml"
    config.write_text("# mine\n[background]\nstrength = 70\n")
    daemon = Daemon(load(config), config, {}, lambda _: None)
    for name in no_pictures(tmp_path):
        began = time.monotonic()
        with pytest.raises(UsageError) as caught:
            daemon.live.change("background.image", name)
        assert str(caught.value).isprintable(), name
        assert time.monotonic() - began < 30, name
        assert config.read_text() == "# mine\n[background]\nstrength = 70\n"
