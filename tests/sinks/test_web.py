"""The web preview over real HTTP: who gets in, what the streams deliver, and how it ends."""

from __future__ import annotations

import contextlib
import http.server
import json
import math
import socket
import threading
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from urllib.parse import parse_qs, urlsplit

import cv2
import httpx
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bgblur.errors import OutputError, UsageError
from bgblur.frame import Image
from bgblur.sinks.web import WebSink
from bgblur.sinks.web_server import MAX_BODY_BYTES, MAX_STREAMS

STATUS: dict[str, object] = {
    "state": "blurring",
    "problem": None,
    "strength": 60,
    "mode": "blur",
    "width": 320,
    "height": 180,
    "source": "test picture",
    "fps": 30.0,
    "latency_ms": {"p50": 20.0, "p95": 31.5},
    "stages_ms": {"segment": {"p50": 12.0, "p95": 15.0}},
}
KEYS = {"background.strength", "background.mode", "camera.mirror"}
NUMBER_BITS = 12


class Preview:
    """A WebSink with a recording daemon behind it."""

    def __init__(self, port: int = 0) -> None:
        self.changes: list[tuple[str, int | float | str | bool]] = []
        self.before_calls = 0
        self.sink = WebSink(
            status=lambda: STATUS, change=self._change, before=self._before, port=port
        )
        parts = urlsplit(self.sink.url)
        self.origin = f"http://{parts.netloc}"
        self.port = int(parts.port or 0)
        self.token = parse_qs(parts.query)["token"][0]
        self.client = httpx.Client(
            base_url=self.origin, params={"token": self.token}, timeout=5, trust_env=False
        )

    def _change(self, key: str, value: int | float | str | bool) -> None:
        if key == "background.strength" and not (isinstance(value, int) and 0 <= value <= 100):
            raise UsageError("background.strength must be a whole number from 0 to 100")
        self.changes.append((key, value))

    def _before(self) -> Image:
        self.before_calls += 1
        return np.full((180, 320, 3), (0, 0, 250), np.uint8)

    def set(self, body: bytes | str) -> httpx.Response:
        return self.client.post("/api/set", content=body)

    def close(self) -> None:
        self.client.close()
        self.sink.close()


@pytest.fixture
def preview() -> Iterator[Preview]:
    preview = Preview()
    yield preview
    preview.close()


@pytest.fixture(scope="module")
def shared_preview() -> Iterator[Preview]:
    preview = Preview()
    yield preview
    preview.close()


def numbered(number: int, background: Image) -> Image:
    """``background`` with ``number`` written across its top as black and white squares."""
    picture = background.copy()
    side = picture.shape[1] // NUMBER_BITS
    for bit in range(NUMBER_BITS):
        picture[:side, bit * side : (bit + 1) * side] = 255 * (number >> bit & 1)
    return picture


def number_in(picture: Image) -> int:
    side = picture.shape[1] // NUMBER_BITS
    squares = (picture[side // 2, bit * side + side // 2].mean() for bit in range(NUMBER_BITS))
    return sum((mean > 127) << bit for bit, mean in enumerate(squares))


def blank(width: int = 320, height: int = 180) -> Image:
    return np.full((height, width, 3), 90, np.uint8)


@contextlib.contextmanager
def publishing(sink: WebSink, background: Image, fps: float = 60) -> Iterator[list[float]]:
    """Publish 1, 2, 3... from a thread; yields the growing list of seconds each publish took."""
    took: list[float] = []
    stop = threading.Event()
    pictures = [numbered(i, background) for i in range(1, 400)]

    def publish() -> None:
        for picture in pictures:
            if stop.wait(1 / fps):
                return
            start = time.perf_counter()
            sink.publish(picture)
            took.append(time.perf_counter() - start)

    thread = threading.Thread(target=publish)
    thread.start()
    try:
        yield took
    finally:
        stop.set()
        thread.join()


def pictures_of(chunks: Iterator[bytes]) -> Iterator[Image]:
    """Decode a multipart/x-mixed-replace body as it arrives."""
    buffer = b""
    for chunk in chunks:
        buffer += chunk
        while b"\r\n\r\n" in buffer:
            head, rest = buffer.split(b"\r\n\r\n", 1)
            length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
            if len(rest) < length:
                break
            jpeg, buffer = rest[:length], rest[length:]
            picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
            assert picture is not None, "not a JPEG"
            yield picture.astype(np.uint8, copy=False)


@contextlib.contextmanager
def watching(preview: Preview, view: str = "after") -> Iterator[Iterator[Image]]:
    with preview.client.stream("GET", "/stream", params={"view": view}) as response:
        assert response.status_code == 200
        yield pictures_of(response.iter_bytes())


def eventually(check: Callable[[], bool], seconds: float = 3.0) -> bool:
    end = time.monotonic() + seconds
    while not check():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


# ---- who gets in ----

PATHS = ("/", "/page.css", "/page.js", "/icon.svg", "/stream", "/api/status", "/nowhere")


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("query", ["", "?token=", "?token=wrong", "?token=%C3%A9%00"])
def test_nothing_is_served_without_the_token(
    shared_preview: Preview, path: str, query: str
) -> None:
    answer = httpx.get(shared_preview.origin + path + query, trust_env=False)
    assert answer.status_code == 403
    assert answer.text.count("\n") == 1
    assert answer.text.endswith("\n")


def test_nothing_is_changed_without_the_token(shared_preview: Preview) -> None:
    body = {"key": "background.strength", "value": 0}
    answer = httpx.post(f"{shared_preview.origin}/api/set", json=body, trust_env=False)
    assert answer.status_code == 403
    assert shared_preview.changes == []


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(guess=st.text(max_size=60), path=st.sampled_from(PATHS))
def test_no_guess_is_the_token(shared_preview: Preview, guess: str, path: str) -> None:
    with contextlib.suppress(UnicodeEncodeError):
        answer = httpx.get(
            shared_preview.origin + path, params={"token": guess}, trust_env=False, timeout=5
        )
        assert answer.status_code == 403


@pytest.mark.parametrize("host", ["evil.example", "evil.example:{port}", "127.0.0.1", "[::1]:1"])
def test_a_foreign_host_name_is_refused(shared_preview: Preview, host: str) -> None:
    named = host.format(port=shared_preview.port)
    assert shared_preview.client.get("/", headers={"Host": named}).status_code == 403


def test_localhost_is_a_good_host_name(shared_preview: Preview) -> None:
    named = f"localhost:{shared_preview.port}"
    assert shared_preview.client.get("/", headers={"Host": named}).status_code == 200


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:1", ""])
def test_a_foreign_origin_is_refused(shared_preview: Preview, origin: str) -> None:
    body = {"key": "background.strength", "value": 0}
    answer = shared_preview.client.post("/api/set", json=body, headers={"Origin": origin})
    assert answer.status_code == 403
    assert shared_preview.changes == []


def test_our_own_origin_is_let_in(preview: Preview) -> None:
    body = {"key": "background.strength", "value": 30}
    answer = preview.client.post("/api/set", json=body, headers={"Origin": preview.origin})
    assert answer.status_code == 200
    assert preview.changes == [("background.strength", 30)]


def test_only_this_machine_is_served(shared_preview: Preview) -> None:
    with socket.socket() as elsewhere:  # any other address of the loopback network
        elsewhere.settimeout(1)
        with pytest.raises(OSError, match="refused"):
            elsewhere.connect(("127.0.0.2", shared_preview.port))


@pytest.mark.parametrize("path", [*PATHS[:4], "/api/status", "/nowhere"])
def test_every_answer_is_locked_down(shared_preview: Preview, path: str) -> None:
    for client in (shared_preview.client, httpx.Client(base_url=shared_preview.origin)):
        headers = client.get(path).headers
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
    # Raw, since a client library would tidy the path up.
    with socket.create_connection(("127.0.0.1", shared_preview.port), timeout=5) as raw:
        request = f"GET {path}?token={shared_preview.token} HTTP/1.1\r\n"
        raw.sendall(f"{request}Host: 127.0.0.1:{shared_preview.port}\r\n\r\n".encode())
        assert raw.recv(4096).startswith(b"HTTP/1.1 404 ")


# ---- the page, the status, the settings ----


def test_page_and_its_files(shared_preview: Preview) -> None:
    page = httpx.get(shared_preview.sink.url, trust_env=False)
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert f"page.js?token={shared_preview.token}" in page.text
    assert "{token}" not in page.text
    types = {"page.css": "text/css", "page.js": "text/javascript", "icon.svg": "image/svg+xml"}
    for name, media_type in types.items():
        assert shared_preview.client.get(name).headers["content-type"].startswith(media_type)


def test_status_is_the_daemons(shared_preview: Preview) -> None:
    assert shared_preview.client.get("/api/status").json() == STATUS


def test_a_good_change_reaches_the_daemon(preview: Preview) -> None:
    for key, value in (
        ("background.strength", 30),
        ("background.mode", "none"),
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
        ('{"key": "background.strength", "value": [1]}', "value"),
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


def test_a_failing_status_is_told_plainly(caplog: pytest.LogCaptureFixture) -> None:
    def status() -> dict[str, object]:
        raise RuntimeError("no numbers yet")

    sink = WebSink(status=status, change=lambda *_: None, before=lambda: None)
    try:
        answer = httpx.get(sink.url.replace("/?", "/api/status?"), trust_env=False)
        assert answer.status_code == 500
        assert answer.text.count("\n") == 1
        assert "no numbers yet" in caplog.text
        assert "Traceback" not in caplog.text
    finally:
        sink.close()


# ---- the streams ----


def test_stream_delivers_pictures_that_change(preview: Preview) -> None:
    with publishing(preview.sink, blank()), watching(preview) as pictures:
        seen = [number_in(next(pictures)) for _ in range(10)]
    assert seen[0] >= 1
    assert all(earlier < later for earlier, later in pairwise(seen))


def test_stream_follows_a_new_picture_size(preview: Preview) -> None:
    preview.sink.publish(blank(320, 180))
    with watching(preview) as pictures:
        assert next(pictures).shape == (180, 320, 3)
        preview.sink.publish(blank(640, 480))
        assert next(pictures).shape == (480, 640, 3)


def test_a_silent_pipeline_has_its_last_picture_sent_again(preview: Preview) -> None:
    preview.sink.publish(numbered(7, blank()))
    with watching(preview) as pictures:
        assert number_in(next(pictures)) == 7
        start = time.monotonic()
        assert number_in(next(pictures)) == 7
        assert time.monotonic() - start < 1.3


def test_the_callers_buffer_may_be_reused(preview: Preview) -> None:
    buffer = numbered(5, blank())
    preview.sink.publish(buffer)
    buffer[:] = 255
    with watching(preview) as pictures:
        assert number_in(next(pictures)) == 5


def test_before_is_asked_for_only_while_compared(preview: Preview) -> None:
    with publishing(preview.sink, blank()):
        with watching(preview) as pictures:
            next(pictures)
        assert preview.before_calls == 0
        with watching(preview, "before") as pictures:
            blue, green, red = next(pictures)[90, 160]
            assert (red > 200, green < 60, blue < 60) == (True, True, True)
        time.sleep(0.3)  # the server notices that the reader has gone
        calls = preview.before_calls
        assert calls >= 1
        time.sleep(0.3)
        assert preview.before_calls == calls


def test_a_missing_before_picture_leaves_the_stream_open() -> None:
    raw: list[Image | None] = [None]
    sink = WebSink(status=lambda: STATUS, change=lambda *_: None, before=lambda: raw[0])
    address = sink.url.replace("/?", "/stream?view=before&")
    try:
        with (
            publishing(sink, blank()),
            httpx.stream("GET", address, timeout=5, trust_env=False) as response,
        ):
            pictures = pictures_of(response.iter_bytes())
            threading.Timer(0.2, lambda: raw.__setitem__(0, numbered(9, blank()))).start()
            assert number_in(next(pictures)) == 9
    finally:
        sink.close()


def test_unknown_view_and_head(shared_preview: Preview) -> None:
    assert shared_preview.client.get("/stream", params={"view": "alpha"}).status_code == 404
    head = shared_preview.client.head("/stream")
    assert head.headers["content-type"].startswith("multipart/x-mixed-replace")


def test_each_picture_is_encoded_once_off_the_callers_thread_and_only_if_watched(
    preview: Preview, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoded_by: list[threading.Thread] = []
    encode = cv2.imencode

    def counting(*arguments: object) -> object:
        encoded_by.append(threading.current_thread())
        return encode(*arguments)  # type: ignore[call-overload]

    monkeypatch.setattr(cv2, "imencode", counting)
    for number in range(1, 20):
        preview.sink.publish(numbered(number, blank()))
    assert encoded_by == []

    with contextlib.ExitStack() as stack:
        watchers = [stack.enter_context(watching(preview)) for _ in range(3)]
        for number in range(20, 30):
            preview.sink.publish(numbered(number, blank()))
            for pictures in watchers:
                while number_in(next(pictures)) != number:
                    pass
        # 19 was there when the watchers came.
        assert 10 <= len(encoded_by) <= 11
    assert threading.current_thread() not in encoded_by


def test_a_slow_reader_neither_holds_publish_up_nor_sees_the_past(preview: Preview) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (720, 1280, 3), np.uint8)
    address = f"/stream?token={preview.token}"
    with (
        publishing(preview.sink, noise, fps=30) as took,
        socket.create_connection(("127.0.0.1", preview.port), timeout=5) as slow,
    ):
        slow.sendall(f"GET {address} HTTP/1.1\r\nHost: 127.0.0.1:{preview.port}\r\n\r\n".encode())
        time.sleep(2.5)  # it reads nothing
        missed = len(took)
        assert missed > 30
        assert np.percentile(took, 95) < 0.02

        # One picture is larger than every buffer in between, so few old ones can lie in them.
        pictures = pictures_of(iter(Dechunked(slow)))
        seen = [number_in(next(pictures)) for _ in range(5)]
    assert seen[2] >= missed - 3
    assert seen == sorted(seen)


class Dechunked:
    """The body of a chunked answer, read from a raw socket piece by piece."""

    def __init__(self, raw: socket.socket) -> None:
        self._file = raw.makefile("rb")

    def __iter__(self) -> Iterator[bytes]:
        while self._file.readline() not in {b"\r\n", b""}:
            pass
        while size := int(self._file.readline(), 16):
            yield self._file.read(size)
            self._file.readline()


def test_streams_are_bounded_and_come_free_again(preview: Preview) -> None:
    preview.sink.publish(blank())
    with contextlib.ExitStack() as stack:
        watchers = [stack.enter_context(watching(preview)) for _ in range(MAX_STREAMS)]
        for pictures in watchers:
            next(pictures)
        refused = stack.enter_context(preview.client.stream("GET", "/stream"))
        assert refused.status_code == 503
        assert refused.read().count(b"\n") == 1

    def is_free() -> bool:
        with preview.client.stream("GET", "/stream") as response:
            return response.status_code == 200

    assert eventually(is_free)


# ---- the beginning and the end ----


def server_threads() -> int:
    return sum(thread.name == "web-preview" for thread in threading.enumerate())


def test_close_is_prompt_with_open_and_stalled_streams(preview: Preview) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (720, 1280, 3), np.uint8)
    address = f"/stream?token={preview.token}"
    with (
        watching(preview) as pictures,
        socket.create_connection(("127.0.0.1", preview.port), timeout=5) as stalled,
    ):
        request = f"GET {address} HTTP/1.1\r\nHost: 127.0.0.1:{preview.port}\r\n\r\n"
        stalled.sendall(request.encode())
        for _ in range(4):
            preview.sink.publish(noise)
            next(pictures)

        servers = server_threads()
        start = time.monotonic()
        preview.sink.close()
        assert time.monotonic() - start < 0.5
        assert server_threads() == servers - 1
        assert list(pictures) == [], "the stream ends as HTTP wants it"
    with pytest.raises(httpx.ConnectError):
        preview.client.get("/")
    with pytest.raises(OutputError, match="ended"):
        preview.sink.publish(noise)
    preview.sink.close()


def test_close_at_once_after_opening() -> None:
    for _ in range(3):
        preview = Preview()
        start = time.monotonic()
        preview.close()
        assert time.monotonic() - start < 0.5


def test_a_port_can_be_chosen_and_had_again() -> None:
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


def test_a_taken_port_is_one_line_with_its_mend() -> None:
    with http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler) as other:
        port = other.server_address[1]
        with pytest.raises(OutputError, match=f"port {port}: another program has it; choose"):
            Preview(port=port)
