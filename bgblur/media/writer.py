"""Writes video files frame by frame."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from pathlib import Path
from typing import Any, Self

import av
from numpy.typing import NDArray

from bgblur.errors import OutputError
from bgblur.files import IfExists, behind_link, create_new, put, refuse_existing, unfinished_name
from bgblur.imaging.color import padded
from bgblur.media.codecs import COLOR, Codec, Needs, codec_of
from bgblur.media.muxer import Address, Muxer, PictureStream
from bgblur.media.source import Source
from bgblur.media.tags import BT601, BT709, PictureTags
from bgblur.media.to_yuv import ToYuv

# Errors that another place for the file would avoid.
_PLACES = frozenset([
    errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EACCES, errno.EPERM,
    errno.EROFS, errno.EIO, errno.ENOENT, errno.ENODEV,
])  # fmt: skip


class VideoWriter:
    """A video file that gets its name only once it is complete, or has it from the start (live).

    H.264 (``.mp4 .mkv .mov``) or VP9 (``.webm``), or what ``needs`` asks for: see ``codec_of``.
    Of interlaced video each field is written as a whole picture, at twice the frames' rate.
    Sound, subtitles, chapters and tags are copied from ``rest_from``. ``warnings`` has a line for
    everything that had to differ. ``deep`` says whether it has 10 bits.

    ``codec`` and ``into`` are for a ``path`` that is no file.

    ``if_exists`` says what becomes of a file of that name. A number is decided in ``path``: at once
    for a live recording, else by ``close``, where another program made the file meanwhile.

    A ``live`` recording cannot be repeated: its file can be played up to where it breaks off, and
    stays even if it cannot be completed; ``kept`` says whether it does. It is written under its own
    name, so that even a crash leaves it where the user looks, unless it replaces an older file.

    As a context manager it aborts on an exception and closes otherwise. Raises UsageError for a
    name that cannot be written or is taken, OutputError when writing fails.
    """

    def __init__(
        self,
        path: Path,
        *,
        width: int,
        height: int,
        fps: Fraction,
        time_base: Fraction,
        rest_from: Source | None = None,
        needs: Needs = COLOR,
        tags: PictureTags | None = None,
        live: bool = False,
        if_exists: IfExists = "refuse",
        codec: Codec | None = None,
        into: Address | None = None,
    ) -> None:
        codec = codec or codec_of(path, needs)
        if into is None:
            path = _checked(path, if_exists)
        self.path = path
        self.warnings: list[str] = []
        self.kept = False
        self._tags = tags or (BT709 if height >= 720 else BT601)
        self._time_base = time_base
        self._frame_time = max(1, round(1 / (fps * time_base)))
        self._to_yuv = ToYuv(codec.pixel_format, self._tags)
        self._fields = needs.fields
        self._first_field: tuple[NDArray[Any], int, av.VideoFrame | None] | None = None
        self._live = live
        self._if_exists = if_exists
        self._open = True
        self._finished = False
        self._waiting: av.VideoFrame | None = None
        self.deep = codec.pixel_format.endswith("10le")
        self._captions = codec.captions
        self._captions_lost = False
        self._broken: OutputError | None = None
        across, down = (2, 4 if needs.fields else 2) if codec.even else (1, 1)
        self._more = (-height % down, -width % across)
        if any(self._more):
            bigger = f"{width + self._more[1]}x{height + self._more[0]}"
            self.warnings.append(
                f"{path.name} is {bigger}, not {width}x{height}: H.264 needs an even width and "
                "height, so the last row or column is repeated; write to .webm to keep the size"
            )
            width, height = width + self._more[1], height + self._more[0]
        # Not files.replacing: the muxer writes over many calls, and a live recording that breaks
        # off keeps what it has. FFmpeg chooses the container by the ending.
        self._unfinished = unfinished_name(path, path.suffix) if into is None else None
        if live and if_exists != "replace":
            with self._writing():
                self._unfinished = self.path = create_new(path, numbered=if_exists == "number")
        pictures = PictureStream(codec, width, height, fps, time_base, self._tags)
        self._muxer = Muxer(into or Address(f"file:{self._unfinished}"), pictures, live)
        try:
            with self._writing():
                self._muxer.start(rest_from, self.warnings)
        except BaseException:
            self.abort()
            raise

    def write(self, picture: NDArray[Any], pts: int, captions: av.VideoFrame | None = None) -> None:
        """Add a picture, BGR ``(H, W, 3)``, with opacity BGRA ``(H, W, 4)``, or gray ``(H, W)``,
        shown from ``pts`` on. ``captions`` is the frame that its closed captions are attached to;
        without an encoder for them, ``warnings`` names them."""
        if picture.ndim == 2:
            self.encode(av.VideoFrame.from_ndarray(picture, format="gray"), pts)
            return
        picture = padded(picture, *self._more)
        if captions is not None and not self._captions:
            if not self._captions_lost:
                self.warnings.append(
                    f"the closed captions in the picture are not in {self.path.name}: only H.264 "
                    "and H.265 hold them; write to .mp4"
                )
            self._captions_lost, captions = True, None
        if self._fields is None:
            self.encode(self._to_yuv(picture, captions), pts)
        elif self._first_field is None:
            self._first_field = picture.copy(), pts, captions
        else:
            first, pts, captions = self._first_field
            self._first_field = None
            top_first = self._fields == "top"
            self.encode(self._to_yuv.woven(first, picture, top_first, captions), pts)

    def encode(self, frame: av.VideoFrame, pts: int) -> None:
        """Add a frame that already has the file's size, pixel format and colours."""
        if not self._open:
            raise self._broken or OutputError(f"cannot write {self.path}: it was closed")
        frame.pts, frame.time_base, frame.duration = pts, self._time_base, self._frame_time
        if not self._live:  # a picture's duration is known with the next one
            before, self._waiting = self._waiting, frame
            if before is None:
                return
            frame = before
            frame.duration = max(1, pts - (frame.pts or 0))
        self._mux(frame)

    def _mux(self, frame: av.VideoFrame) -> None:
        try:
            with self._writing():
                self._muxer.mux(frame)
        except OutputError as error:
            if self._live:
                self._broken = error
                self._break_off()
            raise

    def finish(self, until: Fraction = Fraction(0)) -> None:
        """Complete the file; ``close`` then gives it its name. Safe to call twice.

        The last picture is shown for a frame's time or ``until`` these seconds, if that is known.
        """
        if not self._open or self._finished:
            return
        try:
            with self._writing():
                last, self._waiting = self._waiting, None
                if last is not None:
                    shown = round(until / self._time_base) - (last.pts or 0)
                    last.duration = shown if shown > 0 else self._frame_time
                    self._muxer.mux(last)
                self._muxer.complete()
                self._finished = True
        except BaseException:
            if self._live:
                self._break_off()
            self.abort()
            raise

    def close(self) -> None:
        """Complete the file and give it its name; safe to call twice."""
        if not self._open:
            return
        try:
            self.finish()
            with self._writing():
                self._name()
        except BaseException:
            self.abort()
            raise
        self._open = False
        self.kept = True
        self._muxer.close()

    def abort(self) -> None:
        """Stop and leave nothing on the disk. Does nothing after ``close``."""
        if not self._open:
            return
        self._open = False
        # Unlinked first: closing an .mp4 would read and write the whole file once more.
        self._remove()
        self._muxer.close()
        self._remove()

    def _remove(self) -> None:
        with suppress(OSError):  # on a read-only file system even to remove nothing is refused
            if self._unfinished is not None:
                self._unfinished.unlink(missing_ok=True)

    def _break_off(self) -> None:
        """Leave the file as it is and name it. FFmpeg is not called again: FFmpeg 8 crashes when
        it closes an .mp4 whose first packet it could not write."""
        self._open = False
        if self._unfinished is None:
            return
        with suppress(OSError):
            if self._unfinished.stat().st_size:
                self._unfinished.replace(self.path)
                self.kept = True
            else:
                self._unfinished.unlink()

    def _name(self) -> None:
        if self._unfinished is None:
            return
        if self._unfinished == self.path or self._if_exists == "replace":
            self._unfinished.replace(self.path)  # a live one must still be there
            return
        # The work is done: it is kept, whatever another program has put there meanwhile.
        wanted, self.path = self.path, put(self._unfinished, self.path, "number")
        if self.path != wanted:
            self.warnings.append(
                f"{wanted.name} was made by another program meanwhile: this is {self.path.name}"
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.close()
        else:
            self.abort()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except (av.FFmpegError, OSError) as error:
            raise OutputError(self._explained(error)) from error

    def _explained(self, error: av.FFmpegError | OSError) -> str:
        reason = error.strerror or str(error)
        fix = "; choose a folder you may write to, with space" * (error.errno in _PLACES)
        return f"cannot write {self.path}: {reason}{fix}"


def _checked(path: Path, if_exists: IfExists) -> Path:
    if not path.parent.is_dir():
        raise OutputError(f"cannot write {path}: there is no folder {path.parent}; create it")
    if path.is_dir():
        raise OutputError(f"cannot write {path}: it is a folder; name a file in it")
    if if_exists == "refuse":
        refuse_existing(path)
    return behind_link(path) if if_exists == "replace" else path
