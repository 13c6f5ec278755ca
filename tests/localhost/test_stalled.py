"""Clients of the streams that stop reading: they are dropped, and are no watchers."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import cast

import httpx
import numpy as np
import pytest
from support.web.preview import Preview, eventually, watching

from bgblur.config.settings import IdleSettings, Settings
from bgblur.daemon.on_demand import OnDemand
from bgblur.devices.presence import ClientWatch
from bgblur.frame import Image
from bgblur.localhost import limits, newest
from bgblur.localhost.stream import MAX_STREAMS
from bgblur.pipeline.pipeline import Pipeline

pytest_plugins = ["support.web.preview_fixtures"]

READS_WITHIN = 2.0  # of a client that shall stay: longer than a busy machine stands still
Patience = Callable[[float], None]


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> Patience:
    """Sets within how many seconds a client has to take something: first in a minute."""

    def set_to(seconds: float) -> None:
        for module in (limits, newest):
            monkeypatch.setattr(module, "READS_WITHIN", seconds)

    monkeypatch.setattr(limits, "_CHECK_EVERY", 0.1)
    set_to(60)
    return set_to


def noise(width: int = 420, height: int = 240) -> Image:
    """By default its JPEG has about 90 kB."""
    return np.random.default_rng(0).integers(0, 255, (height, width, 3), np.uint8)


def asking(preview: Preview, view: str = "after") -> socket.socket:
    """A client that has asked for a stream and reads nothing yet."""
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    raw.settimeout(60)
    raw.connect(("127.0.0.1", preview.port))
    head = f"GET /stream?token={preview.token}&view={view} HTTP/1.1\r\n"
    raw.sendall(f"{head}Host: 127.0.0.1:{preview.port}\r\n\r\n".encode())
    return raw


def connections(preview: Preview) -> int:
    return len(preview.sink._server._server.server_state.connections)


@contextlib.contextmanager
def fed(preview: Preview, picture: Image) -> Iterator[None]:
    """The sink gets a picture 25 times a second, as from the pipeline."""
    stop = threading.Event()

    def feed() -> None:
        while not stop.wait(0.04):
            preview.sink.publish(picture)

    thread = threading.Thread(target=feed)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def test_clients_that_read_nothing_lose_their_places(preview: Preview, patience: Patience) -> None:
    with fed(preview, noise()), contextlib.ExitStack() as stack:
        for _ in range(MAX_STREAMS):
            stack.enter_context(asking(preview))
        assert eventually(lambda: preview.sink.watchers == MAX_STREAMS)
        patience(0.5)
        assert eventually(lambda: preview.sink.watchers == 0)
        assert eventually(lambda: connections(preview) == 0)
        patience(60)
        with watching(preview) as pictures:  # by a ninth
            assert next(pictures).shape == noise().shape
            assert preview.sink.watchers == 1


def test_a_client_that_stops_in_the_middle_is_dropped(preview: Preview, patience: Patience) -> None:
    patience(READS_WITHIN)
    with fed(preview, noise()), asking(preview) as raw:
        until = time.monotonic() + 1.5 * READS_WITHIN
        while time.monotonic() < until:
            assert raw.recv(65536), "it reads, and is served"
        assert preview.sink.watchers == 1
        patience(0.5)
        assert eventually(lambda: connections(preview) == 0)
        assert eventually(lambda: preview.sink.watchers == 0)


def test_a_slow_reader_stays_a_watcher(preview: Preview, patience: Patience) -> None:
    """A picture every fifth of a second, of 25: as one every 1.5 seconds, at the true limit."""
    patience(READS_WITHIN)
    with fed(preview, noise()), asking(preview) as raw:
        until = time.monotonic() + 2.5 * READS_WITHIN
        while time.monotonic() < until:
            taken = 0
            while taken < 90_000:
                piece = raw.recv(65536)
                assert piece, "the server has closed the stream"
                taken += len(piece)
            time.sleep(0.2)
            assert preview.sink.watchers == 1


def test_a_large_picture_may_take_longer(preview: Preview, patience: Patience) -> None:
    patience(READS_WITHIN)
    preview.sink.publish(noise(1800, 1200))  # 1.9 MB
    with asking(preview) as raw:
        taken, began = 0, time.monotonic()
        while time.monotonic() < began + 1.5 * READS_WITHIN:
            piece = raw.recv(50_000)
            assert piece, f"closed after {taken} bytes"
            taken += len(piece)
            time.sleep(0.02)
        assert taken < 1_800_000, "still the first picture"


def test_a_stream_of_a_view_without_pictures_is_no_watcher(
    preview: Preview, patience: Patience
) -> None:
    """Nothing can show whether its client would read."""
    preview._view = lambda *_: None  # type: ignore[method-assign, assignment]
    with fed(preview, noise()), asking(preview, "before"), watching(preview) as pictures:
        assert eventually(lambda: preview.sink.watchers == 2)
        patience(READS_WITHIN)
        until = time.monotonic() + 60
        while preview.sink.watchers != 1 and time.monotonic() < until:
            next(pictures)
        assert preview.sink.watchers == 1


def flood(preview: Preview, raw: socket.socket) -> None:
    """Ask for the page again and again, until the server reads no more."""
    asked = f"GET /?token={preview.token} HTTP/1.1\r\nHost: 127.0.0.1:{preview.port}\r\n\r\n"
    raw.settimeout(0.5)
    with contextlib.suppress(TimeoutError):
        while True:
            raw.sendall(asked.encode() * 100)


def test_an_answer_that_nobody_takes_is_dropped_too(preview: Preview, patience: Patience) -> None:
    """Not only a stream."""
    with socket.create_connection(("127.0.0.1", preview.port)) as raw:
        flood(preview, raw)
        assert connections(preview) == 1
        patience(0.5)
        assert eventually(lambda: connections(preview) == 0)


def test_a_client_that_goes_unheard_is_dropped(
    preview: Preview, patience: Patience, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server reads no more of it, not even that it has gone, and has no picture to send."""
    monkeypatch.setattr(limits, "REQUEST_WITHIN", 60.0)
    with asking(preview) as raw:
        flood(preview, raw)
    monkeypatch.setattr(limits, "REQUEST_WITHIN", 0.5)
    patience(0.5)
    assert eventually(lambda: connections(preview) == 0)


class Rests:
    """The reasons that a pipeline got."""

    def __init__(self) -> None:
        self.reasons: list[str | None] = []

    def rest(self, reason: str | None) -> None:
        self.reasons.append(reason)


class NoProgram:
    """Of the programs that might watch the virtual camera, none does."""

    clients = 0


def test_the_camera_rests_when_only_stalled_clients_are_left(
    preview: Preview, patience: Patience
) -> None:
    pipeline = Rests()
    idle = IdleSettings(on_demand=True, grace_seconds=0.2)
    on_demand = OnDemand(cast(Pipeline, pipeline), Settings(idle=idle))
    on_demand._watches["auto"] = cast(ClientWatch, NoProgram())
    on_demand.page = preview.sink

    def rests() -> bool:
        on_demand.update()
        return pipeline.reasons[-1:] == ["idle"]

    with fed(preview, noise()), contextlib.ExitStack() as stack:
        for view in ("after", "before", "alpha"):
            stack.enter_context(asking(preview, view))
        assert eventually(lambda: preview.sink.watchers == 3)
        assert not rests()
        patience(0.5)
        assert eventually(rests)
        patience(60)
        with watching(preview) as pictures:
            next(pictures)
            on_demand.update()
            assert pipeline.reasons[-2:] == ["idle", None], "a reader opens the camera again"


def test_a_closed_page_keeps_no_picture(preview: Preview) -> None:
    preview.sink.publish(noise())
    assert preview.sink._newest.picture is not None
    preview.sink.close()
    assert preview.sink._newest._picture is None


@pytest.mark.parametrize("view", ["after", "before"])
def test_a_picture_of_a_pipeline_that_hangs_is_not_sent_for_ever(
    preview: Preview, view: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The picture may be raw, by a choice that is over."""
    monkeypatch.setattr(newest, "KEPT_SECONDS", 1.5)
    gone = threading.Event()
    see = preview._view
    preview._view = lambda *of: None if gone.is_set() else see(*of)  # type: ignore[method-assign, assignment]
    preview.sink.publish(noise())
    preview.client.timeout = 5
    with watching(preview, view) as pictures:
        next(pictures)
        gone.set()
        with contextlib.suppress(httpx.ReadTimeout):  # of 5 s
            for number, _ in enumerate(pictures):
                assert number < 2
