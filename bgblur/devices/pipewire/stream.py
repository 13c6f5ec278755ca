"""One video stream of PipeWire, with a thread that serves it."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import threading
from collections.abc import Callable, Iterator
from typing import Any

from bgblur.devices.pipewire import library as pw
from bgblur.devices.pipewire.formats import FORMAT, VideoFormat, agreed


class Stream:
    """``on_format`` hears the agreed format and returns the memory that a picture needs, as a
    ``buffers`` POD; ``on_process`` is called where a picture can be written or read. Both run in
    the stream's thread; what they raise is kept as ``problem``. ``on_change`` is called at each
    change of ``state`` or ``problem``, by any thread.

    ``state`` is one of ``pw.ERROR`` to ``pw.STREAMING``; ``starts`` counts how often it became the
    latter; ``problem`` is why it has ended.
    ``changed`` is notified at each change.

    Raises OSError where PipeWire does not take the stream.
    """

    def __init__(
        self,
        direction: int,
        properties: dict[str, str],
        formats: list[bytes],
        flags: int,
        on_format: Callable[[VideoFormat], bytes],
        on_process: Callable[[], None],
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        self.state = pw.UNCONNECTED
        self.starts = 0
        self.problem: str | None = None
        self.changed = threading.Condition()
        self._on_format = on_format
        self._on_process = on_process
        self._on_change = on_change
        self._library = library = pw.library()
        self._closing = threading.Lock()
        # Kept for as long as the library may call them.
        self._events = pw.StreamEvents(
            version=0,
            state_changed=pw.StateChanged(self._state_changed),
            param_changed=pw.ParamChanged(self._param_changed),
            process=pw.Process(self._process),
        )
        self._loop: int | None = library.pw_thread_loop_new(b"bgblur", None)
        self._stream: int | None = None
        if not self._loop:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        try:
            self._connect(direction, properties, formats, flags)
            library.pw_thread_loop_start(self._loop)
        except BaseException:
            self.close()
            raise

    def _connect(
        self, direction: int, properties: dict[str, str], formats: list[bytes], flags: int
    ) -> None:
        library = self._library
        self._stream = library.pw_stream_new_simple(
            library.pw_thread_loop_get_loop(self._loop),
            properties.get("node.name", "bgblur").encode(),
            library.pw_properties_new_string(json.dumps(properties).encode()),
            ctypes.byref(self._events),
            None,
        )
        if not self._stream:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        with _addresses(formats) as params:
            done = library.pw_stream_connect(
                self._stream, direction, pw.ANY, flags, params, len(formats)
            )
        if done < 0:
            raise OSError(-done, os.strerror(-done))

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep the stream's thread out. Raises OSError once the stream is closed."""
        with self._closing:
            if self._loop is None:
                raise OSError(0, "the stream is closed")
            self._library.pw_thread_loop_lock(self._loop)
            try:
                yield
            finally:
                self._library.pw_thread_loop_unlock(self._loop)

    def trigger(self) -> None:
        """Have ``on_process`` called, where this end sets the pace. Hold ``locked``."""
        self._library.pw_stream_trigger_process(self._stream)

    def take(self) -> Any | None:
        """A buffer to write to or to read, for ``give``; None if none is free."""
        buffer = self._library.pw_stream_dequeue_buffer(self._stream)
        return buffer if buffer else None

    def give(self, buffer: Any) -> None:
        self._library.pw_stream_queue_buffer(self._stream, buffer)

    def fail(self, problem: str) -> None:
        """End the stream for its user, with a reason."""
        with self.changed:
            self.problem = self.problem or problem
            self.changed.notify_all()
        self._on_change()

    def close(self) -> None:
        """Safe to call twice, but not from the stream's own thread."""
        with self._closing:
            loop, self._loop = self._loop, None
            if loop is None:
                return
            self._library.pw_thread_loop_stop(loop)
            if self._stream:
                self._library.pw_stream_destroy(self._stream)
            self._library.pw_thread_loop_destroy(loop)
        self.fail("it is closed")

    # ------------------------------------------------------------ called by the library

    def _state_changed(self, _: Any, old: int, state: int, error: bytes | None) -> None:
        with self.changed:
            self.state = state
            self.starts += state == pw.STREAMING != old
            if state == pw.ERROR:
                self.problem = (error or b"it has failed").decode("utf-8", "replace")
            elif state == pw.UNCONNECTED and old != pw.CONNECTING:
                self.problem = self.problem or "PipeWire has ended"
            self.changed.notify_all()
        self._on_change()

    def _param_changed(self, _: Any, kind: int, pod: int | None) -> None:
        if kind == FORMAT and (format_ := agreed(pod)) is not None:
            self._guarded(lambda: self._use(format_))

    def _use(self, format_: VideoFormat) -> None:
        with _addresses([self._on_format(format_)]) as params:
            self._library.pw_stream_update_params(self._stream, params, 1)

    def _process(self, _: Any) -> None:
        self._guarded(self._on_process)

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:  # nothing may be raised into C
            self.fail(str(error) or type(error).__name__)


@contextlib.contextmanager
def _addresses(pods: list[bytes]) -> Iterator[Any]:
    """``const struct spa_pod **``, valid within the block. PODs have to lie at eight bytes."""
    kept = [(ctypes.c_uint64 * (len(pod) // 8)).from_buffer_copy(pod) for pod in pods]
    yield (ctypes.c_void_p * len(pods))(*(ctypes.addressof(pod) for pod in kept))
