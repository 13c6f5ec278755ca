"""What a camera on the network sends, as it comes: a thread takes it at once, so that no delay
grows while the reader is slow."""

from __future__ import annotations

import contextlib
import math
import threading
import time
from collections import deque

import av
from av.container import InputContainer
from av.video.stream import VideoStream

_MOST = 600  # packets that wait; only a reader that hangs lets so many come


class Received:
    """The newest packets of ``stream``, from which a picture can be decoded.

    A picture that is whole in itself makes all that wait before it needless. Owns ``container``
    and closes it at the end, which may be one read later than ``close``.
    """

    def __init__(self, container: InputContainer, stream: VideoStream) -> None:
        self._container, self._stream = container, stream
        self._waiting: deque[tuple[av.Packet[VideoStream], float]] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._ended = False
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="receive", daemon=True)
        self._thread.start()

    def next(self, until: float) -> tuple[av.Packet[VideoStream], float]:
        """The next packet, and when it came (``time.monotonic()``).

        Raises what ended the stream, EOFError where the server did, and TimeoutError at ``until``,
        after ``close``, or where the server is silent.
        """
        with self._changed:
            while not self._waiting and not self._ended and not self._closed:
                left = until - time.monotonic()
                if left <= 0:
                    break
                self._changed.wait(left)
            if self._waiting and not self._closed:
                return self._waiting.popleft()
            if self._ended and not self._closed:
                raise self._error or EOFError
            raise TimeoutError

    @property
    def more(self) -> bool:
        """Whether newer packets wait."""
        return bool(self._waiting)

    def close(self) -> None:
        """End it, soon. Many cameras serve one client at a time, so give the server a moment."""
        with self._changed:
            self._closed = True
            self._waiting.clear()
            self._changed.notify_all()
        self._thread.join(0.5)

    def _run(self) -> None:
        error: Exception | None = None
        came = time.monotonic()
        try:
            for packet in self._container.demux(self._stream):
                if self._closed:
                    break
                if packet.size:
                    came = self._take(packet)
        except Exception as raised:
            error = raised
        # FFmpeg ends a stream that is silent for too long like one that the server has ended.
        if time.monotonic() - came >= 0.9 * (self._container.read_timeout or math.inf):
            error = TimeoutError()
        with self._changed:
            self._ended, self._error = True, error
            self._changed.notify_all()
        with contextlib.suppress(Exception):
            self._container.close()

    def _take(self, packet: av.Packet[VideoStream]) -> float:
        came = time.monotonic()
        with self._changed:
            if packet.is_keyframe or len(self._waiting) >= _MOST:
                self._waiting.clear()
            self._waiting.append((packet, came))
            self._changed.notify()
        return came
