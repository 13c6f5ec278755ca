"""The web preview over real HTTP: the page, the settings, opening and closing."""

from __future__ import annotations

import http.server
import json
import math
import re
import socket
import threading
import time

import httpx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.web.preview import STATUS, Preview, watching

from bgblur.errors import OutputError
from bgblur.localhost import server
from bgblur.sinks.web.app import MAX_BODY_BYTES
from bgblur.sinks.web.sink import WebSink

pytest_plugins = ["support.web.preview_fixtures"]

BACKGROUND = {"strength", "mode", "image", "color"}
CAMERA = {"mirror", "rotate", "flip", "zoom", "center", "follow"}
OUTPUT = {"paused", "pause_shows", "width", "height", "fit", "bars"}
KEYS = {
    f"{area}.{key}"
    for area, keys in (("background", BACKGROUND), ("camera", CAMERA), ("output", OUTPUT))
    for key in keys
}


# ---- the page, the status, the settings ----


def test_page_and_its_files(shared_preview: Preview) -> None:
    page = httpx.get(shared_preview.sink.url, trust_env=False)
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    types = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
    fetched, wanted = {"": page.text}, linked_from(page.text)
    while wanted:
        name = wanted.pop()
        answer = shared_preview.client.get(name)
        assert answer.headers["content-type"].startswith(types[name.rpartition(".")[2]])
        fetched[name] = answer.text
        wanted |= linked_from(answer.text) - fetched.keys()
    assert {"page.css", "page.js", "stage.js", "chart.js", "icon.svg"} <= fetched.keys()
    for text in fetched.values():
        assert "%TOKEN%" not in text
        assert text.count("?token=") == text.count(f"?token={shared_preview.token}")


def linked_from(text: str) -> set[str]:
    return set(re.findall(r'"(?:\./)?([\w.]+)\?token=', text))


def test_status_is_the_daemons(shared_preview: Preview) -> None:
    assert shared_preview.client.get("/api/status").json() == STATUS


def test_a_good_change_reaches_the_daemon(preview: Preview) -> None:
    for key, value in (
        ("background.strength", 30),
        ("background.mode", "none"),
        ("background.image", "~/Pictures/la plage é.jpg"),
        ("background.color", "#00b140"),
        ("output.paused", False),
        ("camera.mirror", True),
    ):
        assert preview.set(json.dumps({"key": key, "value": value})).status_code == 200
        assert preview.changes[-1] == (key, value)
        assert type(preview.changes[-1][1]) is type(value)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ('{"key": "background.strength", "value": 300}', "from 0 to 100"),
        ('{"key": "engine.model", "value": "/tmp/evil.pt"}', "background.strength"),
        ('{"key": "background.strength"}', "value"),
        ('{"key": "background.strength", "value": ["1"]}', "value"),
        ('{"key": "background.strength", "value": NaN}', "value"),
        ('{"key": "background.strength", "value": 1, "more": 2}', "more"),
        ("[]", "body"),
        ("strength=0", "JSON"),
        (b"\xff\xfe", "JSON"),
    ],
)
def test_a_bad_change_is_one_line(preview: Preview, body: str | bytes, said: str) -> None:
    answer = preview.set(body)
    assert answer.status_code == 422
    assert said in answer.text
    assert answer.text.count("\n") == 1
    assert preview.changes == []


def test_only_a_camera_that_is_there_can_be_chosen(preview: Preview) -> None:
    assert preview.client.get("/api/cameras").json() == [
        {"text": "rtsp://cam", "value": "", "chosen": True},
        {"text": "HD Webcam", "value": "/dev/video0", "chosen": False},
    ]
    for device in ("/dev/video9", "", "rtsp://me:secret@cam", 0):
        answer = preview.set(json.dumps({"key": "camera.device", "value": device}))
        assert answer.status_code == 422
        assert "choose another one" in answer.text
    assert preview.changes == []
    assert preview.set('{"key": "camera.device", "value": "/dev/video0"}').status_code == 200
    assert preview.changes == [("camera.device", "/dev/video0")]


def test_an_oversized_body_is_refused(preview: Preview) -> None:
    value = "x" * MAX_BODY_BYTES
    body = json.dumps({"key": "background.mode", "value": value}).encode()
    assert preview.set(body).status_code == 413
    chunks = preview.client.post("/api/set", content=iter([body[:2000], body[2000:]]))
    assert chunks.status_code == 413, "without a Content-Length"
    assert preview.changes == []


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


@settings(max_examples=60, deadline=None)
@given(key=st.sampled_from(sorted(KEYS)) | st.text(max_size=30), value=json_values)
def test_any_body_is_understood_or_refused(
    shared_preview: Preview, key: str, value: object
) -> None:
    shared_preview.changes.clear()
    answer = shared_preview.set(json.dumps({"key": key, "value": value}))
    if answer.status_code == 200:
        assert [changed for changed, _ in shared_preview.changes] == [key]
        assert key in KEYS
        assert not (isinstance(value, float) and not math.isfinite(value))
    else:
        assert answer.status_code in {413, 422}
        assert shared_preview.changes == []


def test_a_failing_status_is_one_line(caplog: pytest.LogCaptureFixture) -> None:
    def status() -> dict[str, object]:
        raise RuntimeError("no numbers yet")

    sink = WebSink(
        status=status,
        change=lambda *_: None,
        cameras=lambda: [],
        before=lambda: None,
        matte=lambda: None,
    )
    try:
        answer = httpx.get(sink.url.replace("/?", "/api/status?"), trust_env=False)
        assert answer.status_code == 500
        assert answer.text.count("\n") == 1
        assert "no numbers yet" in caplog.text
        assert "Traceback" not in caplog.text
    finally:
        sink.close()


# ---- opening and closing ----


def server_threads() -> int:
    return sum(thread.name == "web-preview" for thread in threading.enumerate())


PROMPT = 30  # seconds, of the 60 that it would wait for what does not end


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "CLOSE_SECONDS", 60.0)


@pytest.mark.usefixtures("patient")
def test_close_is_prompt_with_open_and_stalled_streams(preview: Preview) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (720, 1280, 3), np.uint8)
    address = f"/stream?token={preview.token}"
    with (
        watching(preview) as pictures,
        socket.create_connection(("127.0.0.1", preview.port), timeout=60) as stalled,
    ):
        request = f"GET {address} HTTP/1.1\r\nHost: 127.0.0.1:{preview.port}\r\n\r\n"
        stalled.sendall(request.encode())
        for _ in range(4):
            preview.sink.publish(noise)
            next(pictures)

        servers = server_threads()
        start = time.monotonic()
        preview.sink.close()
        assert time.monotonic() - start < PROMPT
        assert server_threads() == servers - 1
        assert list(pictures) == [], "the stream ends correctly for HTTP"
    with pytest.raises(httpx.ConnectError):
        preview.client.get("/")
    with pytest.raises(OutputError, match="ended"):
        preview.sink.publish(noise)
    preview.sink.close()


@pytest.mark.usefixtures("patient")
def test_close_at_once_after_opening() -> None:
    for _ in range(3):
        preview = Preview()
        start = time.monotonic()
        preview.close()
        assert time.monotonic() - start < PROMPT


def test_a_port_can_be_chosen_and_reused() -> None:
    first = Preview()
    first.client.get("/")
    first.close()
    second = Preview(port=first.port)
    try:
        assert second.port == first.port
        assert second.token != first.token
        assert second.client.get("/").status_code == 200
        assert second.sink.name == f"web preview at {second.sink.url}"
    finally:
        second.close()


def test_a_taken_port_is_one_line_with_a_fix() -> None:
    with http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler) as other:
        port = other.server_address[1]
        with pytest.raises(OutputError, match=f"port {port}: another program has it; choose"):
            Preview(port=port)
