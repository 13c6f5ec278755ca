"""A camera that PipeWire offers: those of libcamera (Intel IPU6, Surface), phones, programs."""

from __future__ import annotations

import ctypes
import time

from bgblur.devices.listing import LABEL
from bgblur.devices.pipewire import library as pw
from bgblur.devices.pipewire.formats import VideoFormat, buffers, wanted
from bgblur.devices.pipewire.nodes import find_node
from bgblur.devices.pipewire.pixels import to_bgr
from bgblur.devices.pipewire.stream import Stream
from bgblur.errors import CameraBusyError, CameraError, CameraGoneError
from bgblur.frame import Frame, Image

_FIRST_WITHIN, _NEXT_WITHIN = 6.0, 3.0  # seconds
_CORRUPTED = 1  # SPA_CHUNK_FLAG_CORRUPTED


class PipeWireSource:
    """``device`` is "pipewire", the first camera node that is not bgblur's own, or
    "pipewire:NAME" with a node's name or description.

    ``width``, ``height`` and ``fps`` are the actual values. Raises CameraError in one line.
    """

    def __init__(self, device: str, width: int, height: int, fps: float) -> None:
        node = find_node(device)
        self.name = f"PipeWire camera {node.description}"
        self._format: VideoFormat | None = None
        self._newest: tuple[bytes, int, VideoFormat, float] | None = None
        self._index = 0
        try:
            self._stream = Stream(
                pw.INPUT,
                {
                    "media.type": "Video",
                    "media.category": "Capture",
                    "media.role": "Camera",
                    "node.name": f"{LABEL}-input",
                    "target.object": node.serial or node.name,
                    "node.dont-reconnect": "true",
                },
                wanted(width, height, fps),
                pw.AUTOCONNECT | pw.MAP_BUFFERS | pw.DONT_RECONNECT,
                self._agree,
                self._take,
            )
        except OSError as error:
            raise CameraError(
                f"PipeWire does not give the camera {node.description} "
                f"({error.strerror or error}): `systemctl --user restart pipewire wireplumber`"
            ) from error
        first = self._next(_FIRST_WITHIN)
        if first is None:
            problem = self._stream.problem or "it gives no picture"
            self._stream.close()
            raise CameraBusyError(
                f"the PipeWire camera {node.description} does not start ({problem}): "
                "another program may be using it, close that one and try again"
            )
        self._first: tuple[Image, float] | None = first
        self.height, self.width = first[0].shape[:2]
        rate = self._format.fps if self._format is not None else 0.0
        self.fps = rate or fps
        self.remark: str | None = None
        asked, got = (width, height, fps), (self.width, self.height, self.fps)
        if asked[:2] != got[:2] or abs(asked[2] - got[2]) >= 0.5:
            shape = "{}x{} at {:g} fps"
            self.remark = f"asked for {shape.format(*asked)}; the camera gives {shape.format(*got)}"

    def read(self) -> Frame:
        first, self._first = self._first, None
        got = first or self._next(_NEXT_WITHIN)
        if got is None:
            problem = self._stream.problem or "it gives no more pictures"
            raise CameraGoneError(f"the {self.name} is gone ({problem}): see `bgblur-cam devices`")
        frame = Frame(got[0], self._index, got[1])
        self._index += 1
        return frame

    def close(self) -> None:
        self._stream.close()

    def _next(self, within: float) -> tuple[Image, float] | None:
        """The newest picture and when it came (``time.monotonic()``); None if none comes in time,
        or no more will."""
        stream, until = self._stream, time.monotonic() + within
        while (left := until - time.monotonic()) > 0:
            with stream.changed:
                stream.changed.wait_for(lambda: self._newest or stream.problem, left)
                newest, self._newest = self._newest, None
            if stream.problem is not None or newest is None:
                return None
            data, stride, video, at = newest
            picture = to_bgr(data, video, stride)
            if picture is not None:
                return picture, at
        return None

    # ------------------------------------------------------------ in PipeWire's thread

    def _agree(self, video: VideoFormat) -> bytes:
        self._format = video
        return buffers()

    def _take(self) -> None:
        """Copy the newest picture, and give all buffers back: none may be held for long."""
        newest = None
        while (buffer := self._stream.take()) is not None:
            if newest is not None:
                self._stream.give(newest)
            newest = buffer
        if newest is None or self._format is None:
            return
        data = newest.contents.buffer.contents.datas[0]
        chunk = data.chunk.contents
        offset, size = min(chunk.offset, data.maxsize), chunk.size
        picture = None
        if data.data and size and not chunk.flags & _CORRUPTED:
            picture = ctypes.string_at(data.data + offset, min(size, data.maxsize - offset))
        stride = chunk.stride
        self._stream.give(newest)
        if picture is not None:
            with self._stream.changed:
                self._newest = picture, stride, self._format, time.monotonic()
                self._stream.changed.notify_all()
