"""A served preview that records its requests, and readers for its streams."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from urllib.parse import parse_qs, urlsplit

import cv2
import httpx
import numpy as np

from bgblur.config.file import Value
from bgblur.devices.choices import CameraChoice
from bgblur.errors import UsageError
from bgblur.frame import Image
from bgblur.sinks.web.sink import WebSink

STATUS: dict[str, object] = {
    "state": "blurring",
    "words": "Your background is hidden",
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
NUMBER_BITS = 12
RED, GREY = (0, 0, 250), (128, 128, 128)


class Preview:
    """A WebSink that records the changes and views asked for."""

    def __init__(self, port: int = 0) -> None:
        self.changes: list[tuple[str, Value]] = []
        self.asked = {"before": 0, "alpha": 0}
        self.sink = WebSink(
            status=lambda: STATUS,
            change=self._change,
            cameras=lambda: [
                CameraChoice("rtsp://cam", "rtsp://me:secret@cam", chosen=True, found=False),
                CameraChoice("HD Webcam", "/dev/video0", chosen=False),
            ],
            before=lambda: self._view("before", RED),
            matte=lambda: self._view("alpha", GREY),
            port=port,
        )
        parts = urlsplit(self.sink.url)
        self.origin = f"http://{parts.netloc}"
        self.port = int(parts.port or 0)
        self.token = parse_qs(parts.query)["token"][0]
        self.client = httpx.Client(
            base_url=self.origin, params={"token": self.token}, timeout=60, trust_env=False
        )

    def _change(self, key: str, value: Value) -> None:
        if key == "background.strength" and not (isinstance(value, int) and 0 <= value <= 100):
            raise UsageError("background.strength must be a whole number from 0 to 100")
        self.changes.append((key, value))

    def _view(self, name: str, color: tuple[int, int, int]) -> Image:
        self.asked[name] += 1
        return np.full((180, 320, 3), color, np.uint8)

    def set(self, body: bytes | str) -> httpx.Response:
        return self.client.post("/api/set", content=body)

    def close(self) -> None:
        self.client.close()
        self.sink.close()


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

    def publish() -> None:
        for number in range(1, 1 << NUMBER_BITS):
            picture = numbered(number, background)
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


def eventually(check: Callable[[], bool], seconds: float = 60.0) -> bool:
    end = time.monotonic() + seconds
    while not check():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True
