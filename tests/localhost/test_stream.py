"""The preview's streams over real HTTP."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from itertools import pairwise

import cv2
import httpx
import numpy as np
import pytest
from support.faults.fairness import Heartbeat
from support.web.preview import (
    GREY,
    RED,
    STATUS,
    Preview,
    blank,
    eventually,
    number_in,
    numbered,
    pictures_of,
    publishing,
    watching,
)

from bgblur.frame import Image
from bgblur.localhost import stream
from bgblur.localhost.stream import MAX_STREAMS
from bgblur.sinks.web.sink import WebSink

pytest_plugins = ["support.web.preview_fixtures"]


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
    with watching(preview) as pictures, Heartbeat() as heart:
        assert number_in(next(pictures)) == 7
        start = time.monotonic()
        assert number_in(next(pictures)) == 7
        assert time.monotonic() - start < 1.3 + 2 * heart.lost(start)[1]


def test_the_callers_buffer_may_be_reused(preview: Preview) -> None:
    buffer = numbered(5, blank())
    preview.sink.publish(buffer)
    buffer[:] = 255
    with watching(preview) as pictures:
        assert number_in(next(pictures)) == 5


@pytest.mark.parametrize(("view", "color"), [("before", RED), ("alpha", GREY)])
def test_a_private_view_is_called_only_while_watched(
    preview: Preview, view: str, color: tuple[int, int, int]
) -> None:
    with publishing(preview.sink, blank()):
        with watching(preview) as pictures:
            next(pictures)
        assert preview.asked == {"before": 0, "alpha": 0}
        with watching(preview, view) as pictures:
            assert np.abs(next(pictures)[90, 160].astype(int) - color).max() < 10
        assert eventually(lambda: preview.sink.watchers == 0)
        time.sleep(0.3)  # a picture that was being encoded for it
        calls = preview.asked[view]
        assert calls >= 1
        time.sleep(0.3)
        assert preview.asked == {"before": 0, "alpha": 0} | {view: calls}


@pytest.mark.parametrize("view", ["before", "alpha"])
def test_a_missing_picture_leaves_the_stream_open(view: str) -> None:
    held: list[Image | None] = [None]
    sink = WebSink(
        status=lambda: STATUS,
        change=lambda *_: None,
        cameras=lambda: [],
        before=lambda: held[0] if view == "before" else None,
        matte=lambda: held[0] if view == "alpha" else None,
    )
    address = sink.url.replace("/?", f"/stream?view={view}&")
    try:
        with (
            publishing(sink, blank()),
            httpx.stream("GET", address, timeout=60, trust_env=False) as response,
        ):
            pictures = pictures_of(response.iter_bytes())
            threading.Timer(0.2, lambda: held.__setitem__(0, numbered(9, blank()))).start()
            assert number_in(next(pictures)) == 9
    finally:
        sink.close()


def test_an_old_picture_of_a_view_is_not_shown_again() -> None:
    """After a pause the camera's last picture and its alpha are gone, also for open streams."""
    held: list[Image | None] = [numbered(5, blank())]
    sink = WebSink(
        status=lambda: STATUS,
        change=lambda *_: None,
        cameras=lambda: [],
        before=lambda: held[0],
        matte=lambda: held[0],
    )
    try:
        sink.publish(blank())
        for view in ("before", "alpha"):
            address = sink.url.replace("/?", f"/stream?view={view}&")
            held[0] = numbered(5, blank())
            with httpx.stream("GET", address, timeout=60, trust_env=False) as response:
                pictures = pictures_of(response.iter_bytes())
                assert number_in(next(pictures)) == 5
                held[0] = None
                sink.publish(blank())
                time.sleep(0.3)
                held[0] = numbered(6, blank())
                sink.publish(blank())
                assert number_in(next(pictures)) == 6
    finally:
        sink.close()


def test_unknown_view_and_head(shared_preview: Preview) -> None:
    unknown = shared_preview.client.get("/stream", params={"view": "raw"})
    assert unknown.status_code == 404
    assert unknown.text == "Unknown view: use one of after, before, alpha.\n"
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
    monkeypatch.setattr(stream, "RESEND_SECONDS", 60.0)  # however slow the machine is
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
        # Picture 19 was there when the streams were opened.
        assert 10 <= len(encoded_by) <= 11
    assert threading.current_thread() not in encoded_by


def test_a_slow_reader_does_not_delay_publish_nor_see_old_pictures(preview: Preview) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (720, 1280, 3), np.uint8)
    address = f"/stream?token={preview.token}"
    with (
        publishing(preview.sink, noise, fps=30) as took,
        socket.create_connection(("127.0.0.1", preview.port), timeout=60) as slow,
    ):
        slow.sendall(f"GET {address} HTTP/1.1\r\nHost: 127.0.0.1:{preview.port}\r\n\r\n".encode())
        time.sleep(2.5)  # it reads nothing
        assert eventually(lambda: len(took) > 30)
        missed = len(took)
        assert np.median(took) < 0.02

        # One picture is larger than all buffers on the way, so they can hold few old ones.
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


def test_the_number_of_streams_is_limited(preview: Preview) -> None:
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
