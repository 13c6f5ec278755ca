"""Only the holder of the address on this machine gets the preview. Over real HTTP."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.web.preview import Preview

from bgblur.localhost.peer import is_ours

pytest_plugins = ["support.web.preview_fixtures"]

FILES = ("/", "/page.css", "/chart.js", "/page.js", "/icon.svg")
VIEWS = ("/stream?view=after", "/stream?view=before", "/stream?view=alpha")
PATHS = (*FILES, *VIEWS, "/api/status", "/nowhere")


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("query", ["", "token=", "token=wrong", "token=%C3%A9%00"])
def test_nothing_is_served_without_the_token(
    shared_preview: Preview, path: str, query: str
) -> None:
    address = f"{shared_preview.origin}{path}{'&' if '?' in path else '?'}{query}"
    answer = httpx.get(address, trust_env=False)
    assert answer.status_code == 403
    assert answer.text.count("\n") == 1
    assert answer.text.endswith("\n")


def test_no_part_of_the_token_is_enough(shared_preview: Preview) -> None:
    token = shared_preview.token
    parts = [token[:length] for length in range(len(token))] + [token[1:], token[-1]]
    other = "A" if token[-1] != "A" else "B"
    for wrong in [*parts, token + "A", token + token, token[:-1] + other, token.swapcase()]:
        address = f"{shared_preview.origin}/api/status?token={wrong}"
        assert shared_preview.client.get(address, params={"token": wrong}).status_code == 403, wrong
    assert shared_preview.client.get("/api/status").status_code == 200


def test_nothing_is_changed_without_the_token(shared_preview: Preview) -> None:
    body = {"key": "background.strength", "value": 0}
    answer = httpx.post(f"{shared_preview.origin}/api/set", json=body, trust_env=False)
    assert answer.status_code == 403
    assert shared_preview.changes == []


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(guess=st.text(max_size=60), path=st.sampled_from(PATHS))
def test_no_guess_matches_the_token(shared_preview: Preview, guess: str, path: str) -> None:
    with contextlib.suppress(UnicodeEncodeError):
        address = httpx.URL(shared_preview.origin + path).copy_merge_params({"token": guess})
        answer = httpx.get(address, trust_env=False, timeout=60)
        assert answer.status_code == 403


@pytest.mark.parametrize("path", ["/", *VIEWS, "/api/status"])
@pytest.mark.parametrize("host", ["evil.example", "evil.example:{port}", "127.0.0.1", "[::1]:1"])
def test_a_foreign_host_name_is_refused(shared_preview: Preview, host: str, path: str) -> None:
    """Against DNS rebinding; even with the token."""
    named = host.format(port=shared_preview.port)
    assert shared_preview.client.get(path, headers={"Host": named}).status_code == 403


def test_localhost_is_a_good_host_name(shared_preview: Preview) -> None:
    named = f"localhost:{shared_preview.port}"
    assert shared_preview.client.get("/", headers={"Host": named}).status_code == 200


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:1", ""])
def test_a_foreign_origin_is_refused(shared_preview: Preview, origin: str) -> None:
    body = {"key": "background.strength", "value": 0}
    answer = shared_preview.client.post("/api/set", json=body, headers={"Origin": origin})
    assert answer.status_code == 403
    assert shared_preview.changes == []
    for path in VIEWS:
        answer = shared_preview.client.get(path, headers={"Origin": origin})
        assert answer.status_code == 403


def test_a_refused_request_does_not_reach_the_camera(shared_preview: Preview) -> None:
    for view in VIEWS:
        shared_preview.client.get(view, headers={"Host": "evil.example"})
        httpx.get(shared_preview.origin + view, trust_env=False)
    assert shared_preview.asked == {"before": 0, "alpha": 0}


def test_our_own_origin_is_let_in(preview: Preview) -> None:
    body = {"key": "background.strength", "value": 30}
    answer = preview.client.post("/api/set", json=body, headers={"Origin": preview.origin})
    assert answer.status_code == 200
    assert preview.changes == [("background.strength", 30)]


def test_only_this_machine_is_served(shared_preview: Preview) -> None:
    with socket.socket() as elsewhere:  # any other address of the loopback network
        elsewhere.settimeout(30)
        with pytest.raises(OSError, match="refused"):
            elsewhere.connect(("127.0.0.2", shared_preview.port))


@pytest.mark.parametrize("path", [*FILES, "/api/status", "/nowhere"])
def test_every_answer_has_the_safety_headers(shared_preview: Preview, path: str) -> None:
    for client in (shared_preview.client, httpx.Client(base_url=shared_preview.origin)):
        check_headers(client.get(path).headers)


@pytest.mark.parametrize("path", VIEWS)
def test_every_stream_has_the_safety_headers(shared_preview: Preview, path: str) -> None:
    with shared_preview.client.stream("GET", path) as answer:
        assert answer.status_code == 200
        check_headers(answer.headers)


def check_headers(headers: httpx.Headers) -> None:
    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert not {"server", "set-cookie"} & set(headers)
    assert not [name for name in headers if name.startswith("access-control")]


@pytest.mark.parametrize(
    "path",
    ["/../web.py", "/%2e%2e/web.py", "/page/../../web.py", "/..%2fweb.py", "//etc/passwd", "/page"],
)
def test_no_path_leads_out_of_the_page(shared_preview: Preview, path: str) -> None:
    # By a raw socket, since a client library would normalise the path.
    with socket.create_connection(("127.0.0.1", shared_preview.port), timeout=60) as raw:
        request = f"GET {path}?token={shared_preview.token} HTTP/1.1\r\n"
        raw.sendall(f"{request}Host: 127.0.0.1:{shared_preview.port}\r\n\r\n".encode())
        assert raw.recv(4096).startswith(b"HTTP/1.1 404 ")


on_linux = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the system does not tell")
# The user whose program asks: another one, if this process may change to it.
SOMEBODY = 65534 if getattr(os, "geteuid", int)() == 0 else getattr(os, "getuid", int)()
ASK = """
import sys, urllib.error, urllib.request
try:
    print(urllib.request.build_opener(urllib.request.ProxyHandler({})).open(sys.argv[1]).status)
except urllib.error.HTTPError as error:
    print(error.code, error.read().decode())
"""


def asked_by_somebody(url: str) -> str:
    command = ["/usr/bin/env", "python3", "-c", ASK, url]
    user = SOMEBODY if os.geteuid() != SOMEBODY else None
    done = subprocess.run(command, capture_output=True, text=True, check=True, user=user)
    return done.stdout


@on_linux
@pytest.mark.parametrize("path", ["/", "/api/status"])
def test_another_users_program_is_refused_even_with_the_token(
    shared_preview: Preview, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    url = str(shared_preview.client.build_request("GET", path).url)
    for user, code in ((4711, "403"), (SOMEBODY, "200"), (0, "200")):
        run_by(monkeypatch, user)
        answer = asked_by_somebody(url)
        assert answer.startswith(code)
        assert ("belongs to another user" in answer) == (code == "403")


def run_by(monkeypatch: pytest.MonkeyPatch, user: int) -> None:
    """Pretend that bgblur runs as this user."""
    monkeypatch.setattr("bgblur.localhost.peer.os", SimpleNamespace(geteuid=lambda: user))


@on_linux
@pytest.mark.parametrize("host", ["127.0.0.1", "::ffff:127.0.0.1"])
def test_the_owner_of_a_connection(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = listener.getsockname()
        with socket.create_connection((host, server[1])) as connected:
            client = "127.0.0.1", connected.getsockname()[1]
            served, _ = listener.accept()
            me = os.getuid()
            for user in (me, 4711):
                run_by(monkeypatch, user)
                assert is_ours(client, server) == (me in (0, user))  # root is let in
        with served:
            # A client that is gone may have been anybody.
            run_by(monkeypatch, 4711)
            assert not is_ours(client, server)
        assert not is_ours(("127.0.0.1", 1), server)
        monkeypatch.setattr("bgblur.localhost.peer._TABLES", (Path("/nowhere"),))
        assert is_ours(client, server)
