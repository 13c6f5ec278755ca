"""A camera node that programs take pictures from. Without NumPy: it lives in a small process."""

from __future__ import annotations

import ctypes
from collections.abc import Callable

from bgblur.devices.pipewire import library as pw
from bgblur.devices.pipewire.formats import VideoFormat, buffers, offered
from bgblur.devices.pipewire.stream import Stream

_TAKEN_WITHIN = 5.0  # seconds


class CameraNode:
    """A node ``name`` of class Video/Source and role Camera, in I420 at one even size.

    ``changed`` is called, in PipeWire's thread, where ``watched`` or ``problem`` may have changed.
    Raises OSError where PipeWire does not take it.
    """

    def __init__(
        self,
        name: str,
        size: tuple[int, int],
        fps: float,
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        self.size, self.fps = size, fps
        self._bytes = size[0] * size[1] * 3 // 2
        self._picture = (ctypes.c_uint8 * self._bytes)()
        self._shown_to = 0  # the start of the stream that the picture is for
        self._stream = Stream(
            pw.OUTPUT,
            {
                "media.type": "Video",
                "media.class": "Video/Source",
                "media.role": "Camera",
                "node.name": name,
                "node.description": name,
                "node.nick": name,
            },
            [offered(*size, fps)],
            pw.DRIVER | pw.MAP_BUFFERS,
            self._memory,
            self._write,
            changed,
        )
        with self._stream.changed:
            self._stream.changed.wait_for(
                lambda: self._stream.problem or self._stream.state >= pw.PAUSED, _TAKEN_WITHIN
            )
        if self._stream.state < pw.PAUSED:
            problem = self._stream.problem or "it does not answer"
            self._stream.close()
            raise OSError(0, problem)

    @property
    def watched(self) -> bool:
        """Whether a program takes the pictures."""
        return self._stream.state == pw.STREAMING

    @property
    def problem(self) -> str | None:
        """Why it has ended."""
        return self._stream.problem

    def show(self, picture: memoryview) -> None:
        """I420 of the node's size, one block of bytes. Raises OSError once it is closed."""
        with self._stream.locked():
            memoryview(self._picture).cast("B")[:] = picture
            self._shown_to = self._stream.starts
            if self.watched:
                self._stream.trigger()

    def close(self) -> None:
        self._stream.close()

    # ------------------------------------------------------------ in PipeWire's thread

    def _memory(self, _: VideoFormat) -> bytes:
        return buffers(self._bytes, self.size[0])

    def _write(self) -> None:
        # PipeWire may ask before the first picture for a new program: there is only one for the
        # program before it, when the user may have wanted less to be hidden.
        if not self.watched or self._shown_to != self._stream.starts:
            return
        buffer = self._stream.take()
        if buffer is None:  # all are with slow readers: they miss this picture
            return
        data = buffer.contents.buffer.contents.datas[0]
        if data.data and data.maxsize >= self._bytes:
            ctypes.memmove(data.data, self._picture, self._bytes)
            chunk = data.chunk.contents
            chunk.offset, chunk.size = 0, self._bytes
            chunk.stride, chunk.flags = self.size[0], 0
        self._stream.give(buffer)
