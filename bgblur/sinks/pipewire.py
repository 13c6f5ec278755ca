"""A camera that PipeWire offers to its programs: no kernel module, no root."""

from __future__ import annotations

import ctypes

import numpy as np

from bgblur.devices.listing import LABEL
from bgblur.devices.pipewire import library as pw
from bgblur.devices.pipewire.formats import VideoFormat, buffers, offered
from bgblur.devices.pipewire.stream import Stream
from bgblur.errors import OutputError
from bgblur.frame import Image
from bgblur.sinks import PixelFormat, Resizing


class PipeWireSink:
    """``--output pipewire``: a node "bgblur" of class Video/Source and role Camera.

    ``width`` and ``height`` must be even, and stay while a program takes the pictures: it would
    lose a node that is offered again. ``clients`` is 1 while a program takes the pictures, else
    0. Raises OutputError in one line.
    """

    pixel_format: PixelFormat = "i420"
    resizing: Resizing = "reopen"
    name = "PipeWire camera bgblur"

    def __init__(self, width: int, height: int, fps: float) -> None:
        if problem := pw.trouble():
            raise OutputError(problem)
        self.size = width, height
        self._picture = np.zeros((height * 3 // 2, width), np.uint8)
        properties = {
            "media.type": "Video",
            "media.class": "Video/Source",
            "media.role": "Camera",
            "node.name": LABEL,
            "node.description": LABEL,
            "node.nick": LABEL,
        }
        try:
            self._stream = Stream(
                pw.OUTPUT,
                properties,
                [offered(width, height, fps)],
                pw.DRIVER | pw.MAP_BUFFERS,
                self._memory,
                self._write,
            )
        except OSError as error:
            raise OutputError(
                f"PipeWire does not take the camera ({error.strerror or error}): "
                "`systemctl --user restart pipewire wireplumber`"
            ) from error
        with self._stream.changed:
            self._stream.changed.wait_for(
                lambda: self._stream.problem or self._stream.state >= pw.PAUSED, 5.0
            )
        if self._stream.state < pw.PAUSED:
            problem = self._stream.problem or "it does not answer"
            self._stream.close()
            raise OutputError(
                f"PipeWire does not take the camera ({problem}): "
                "`systemctl --user restart pipewire wireplumber`"
            )

    @property
    def clients(self) -> int:
        return int(self._stream.state == pw.STREAMING)

    def publish(self, picture: Image) -> None:
        if self._stream.problem is not None:
            raise OutputError(
                f"the PipeWire camera has ended ({self._stream.problem}): it comes back with "
                "PipeWire, see `systemctl --user status pipewire`"
            )
        self.resizing = "never" if self.clients else "reopen"
        try:
            with self._stream.locked():
                self._picture[:] = picture
                if self.clients:
                    self._stream.trigger()
        except OSError as error:
            raise OutputError("the PipeWire camera is closed") from error

    def close(self) -> None:
        self._stream.close()

    # ------------------------------------------------------------ in PipeWire's thread

    def _memory(self, _: VideoFormat) -> bytes:
        return buffers(self._picture.nbytes, self.size[0])

    def _write(self) -> None:
        buffer = self._stream.take()
        if buffer is None:  # all are with slow readers: they miss this picture
            return
        data = buffer.contents.buffer.contents.datas[0]
        if data.data and data.maxsize >= self._picture.nbytes:
            ctypes.memmove(data.data, self._picture.ctypes.data, self._picture.nbytes)
            chunk = data.chunk.contents
            chunk.offset, chunk.size = 0, self._picture.nbytes
            chunk.stride, chunk.flags = self.size[0], 0
        self._stream.give(buffer)
