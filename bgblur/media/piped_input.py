"""A clip that comes out of a pipe, or through ``<`` from a file."""

from __future__ import annotations

import os
import select
import stat
import threading
from contextlib import suppress

from bgblur.interrupts import POLL, check

_READ = 1 << 18  # bytes at a time


class PipedInput:
    """What a descriptor gives, for several readers, each from the beginning. While the main thread
    waits, a signal (see ``interrupts``) is the end; ``check`` raises afterwards.

    A file is ``whole``: readers jump in it as they like. A pipe goes by once, so its bytes are kept
    in memory until every reader has them, and ``open(last=True)`` says that no more readers come.
    """

    name = "-"

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.whole = stat.S_ISREG(os.fstat(descriptor).st_mode) and hasattr(os, "pread")
        self._kept = bytearray()
        self._first = 0  # the place of the first byte that is kept
        self._ended = self._stopped = self._last = False
        self._readers: set[_PipeReader] = set()
        self._state, self._filling = threading.Lock(), threading.Lock()

    def __str__(self) -> str:
        return self.name

    def open(self, *, last: bool = False) -> _PipeReader | _FileReader:
        """A file object at the beginning; close it after use."""
        if self.whole:
            return _FileReader(self._descriptor)
        reader = _PipeReader(self)
        with self._state:
            if self._last:
                raise ValueError("the pipe's first bytes are gone")
            self._readers.add(reader)
            self._last = last
        return reader

    def empty(self) -> bool:
        """Whether nothing comes; waits for the first byte."""
        reader = self.open()
        nothing = not reader.read(1)
        reader.close()
        return nothing

    def stop(self) -> None:
        """Readers that wait get the end, and so does everybody from now on."""
        self._stopped = True

    def take(self, reader: _PipeReader, size: int) -> bytes:
        """The next bytes, ``size`` at most; none at the end. Waits for them."""
        while not (self._come(reader.position) or self._ended or self._stopped):
            with self._filling:
                if not self._come(reader.position):
                    self._fill()
        with self._state:
            at = reader.position - self._first
            data = bytes(self._kept[at : at + size])
            reader.position += len(data)
            self._drop()
            return data

    def forget(self, reader: _PipeReader) -> None:
        """``reader`` needs no more bytes."""
        with self._state:
            self._readers.discard(reader)
            self._drop()

    def _come(self, position: int) -> bool:
        with self._state:
            return position < self._first + len(self._kept)

    def _fill(self) -> None:
        if os.name == "posix":  # elsewhere only sockets can be waited for
            while not select.select([self._descriptor], [], [], POLL)[0]:
                with suppress(KeyboardInterrupt):  # FFmpeg's callback cannot pass it on
                    check()
                    if not self._stopped:
                        continue
                self._stopped = True
                return
        data = os.read(self._descriptor, _READ)
        with self._state:
            self._kept += data
            self._ended |= not data

    def _drop(self) -> None:
        if self._last:
            needed = min(
                (reader.position for reader in self._readers), default=self._first + len(self._kept)
            )
            del self._kept[: needed - self._first]
            self._first = needed


class _PipeReader:
    """A file object that FFmpeg cannot jump in."""

    def __init__(self, source: PipedInput) -> None:
        self._source = source
        self.position = 0

    def read(self, size: int) -> bytes:
        return self._source.take(self, size)

    def close(self) -> None:
        self._source.forget(self)


class _FileReader:
    """A file object with a place of its own in a file that others read, too."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._position = 0

    def read(self, size: int) -> bytes:
        data = os.pread(self._descriptor, size, self._position)
        self._position += len(data)
        return data

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {
            os.SEEK_SET: 0,
            os.SEEK_CUR: self._position,
            os.SEEK_END: os.fstat(self._descriptor).st_size,
        }[whence]
        self._position = max(0, base + offset)
        return self._position

    def tell(self) -> int:
        return self._position

    def close(self) -> None:
        """Nothing: the descriptor is the caller's."""
