"""Writes video files frame by frame."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import av
from av.video.reformatter import Interpolation, VideoReformatter

from bgblur.errors import OutputError, UsageError
from bgblur.frame import Image
from bgblur.imaging.color import even
from bgblur.media.remux import REST, Remux
from bgblur.media.tags import BT601, BT709, RANGE_FULL, PictureTags, colorspace_of

# Bilinear is exact enough for halving the chroma; the flags keep swscale from rounding down.
_EXACT = Interpolation.BILINEAR | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INP
_H264 = ("libx264", {"crf": "18", "preset": "veryfast"})
_VP9 = ("libvpx-vp9", {"crf": "30", "deadline": "good", "cpu-used": "5", "row-mt": "1"})
_FFV1 = ("ffv1", {"level": "3", "slicecrc": "1"})
_LIVE_GOP = "60"  # frames: what is lost at most where a recording breaks off
# Errors that another place for the file would mend.
_PLACES = frozenset([
    errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EACCES, errno.EPERM,
    errno.EROFS, errno.EIO, errno.ENOENT, errno.ENODEV,
])  # fmt: skip
_CODECS = {".mp4": _H264, ".mkv": _H264, ".mov": _H264, ".webm": _VP9}


def check_target(path: Path, *, gray: bool = False) -> None:
    """Raises UsageError if no video can be written under this name, going by its ending."""
    accepted = [".mkv"] if gray else list(_CODECS)
    if path.suffix.lower() not in accepted:
        what = "the alpha file" if gray else "the video"
        raise UsageError(f"cannot write {what} {path.name}: its name must end in {_any(accepted)}")


def remove_unfinished(folder: Path, process: int) -> None:
    """What a process that is no more left there."""
    with suppress(OSError):
        for file in folder.glob(f"{_unfinished_by(process)}*"):
            file.unlink(missing_ok=True)


def _unfinished_by(process: int) -> str:
    return f".bgblur-{process}-"


class VideoWriter:
    """A video file that appears under its name only once it is complete.

    H.264 (``.mp4 .mkv .mov``) or VP9 (``.webm``); with ``gray`` lossless FFV1 (``.mkv``).
    ``rest_from`` names the file whose sound, subtitles, chapters and tags are taken over.
    ``warnings`` tells what had to differ. What is ``live`` cannot be made again: it can be played
    up to where it breaks off, and where it cannot be completed it gets its name all the same.
    As a context manager it aborts on an exception, else closes. Raises UsageError for a name
    that cannot be written, OutputError when writing fails.
    """

    def __init__(
        self,
        path: Path,
        *,
        width: int,
        height: int,
        fps: Fraction,
        time_base: Fraction,
        rest_from: Path | None = None,
        gray: bool = False,
        tags: PictureTags | None = None,
        live: bool = False,
    ) -> None:
        check_target(path, gray=gray)
        if not path.parent.is_dir():
            raise OutputError(f"cannot write {path}: there is no folder {path.parent}; create it")
        if path.is_dir():
            raise OutputError(f"cannot write {path}: it is a folder; name a file in it")
        self.path = path
        self.warnings: list[str] = []
        self._tags = tags or (BT709 if height >= 720 else BT601)
        self._time_base = time_base
        self._frame_time = max(1, round(1 / (fps * time_base)))
        self._reformatter = VideoReformatter()
        self._rest: Remux | None = None
        self._live = live
        self._open = True
        self._finished = False
        self.kept = False  # under its name
        self._broken: OutputError | None = None

        self._codec, self._options = _FFV1 if gray else _CODECS[path.suffix.lower()]
        self._even = self._codec == "libx264"  # the others take odd sizes as they are
        if self._even and (width % 2 or height % 2):
            bigger = f"{width + width % 2}x{height + height % 2}"
            self.warnings.append(
                f"{path.name} is {bigger}, not {width}x{height}: H.264 needs an even width and "
                "height, so the last row or column is repeated; write to .webm to keep the size"
            )
            width, height = width + width % 2, height + height % 2
        # The right ending lets FFmpeg choose the container; hidden, so that nobody opens it yet.
        self._unfinished = path.with_name(
            f"{_unfinished_by(os.getpid())}{secrets.token_hex(4)}{path.suffix}"
        )
        try:
            with self._writing():
                self._start(width, height, fps, rest_from)
        except BaseException:
            self.abort()
            raise

    def write(self, picture: Image, pts: int) -> None:
        """One picture, BGR ``(H, W, 3)`` or with ``gray`` ``(H, W)``, shown from ``pts`` on."""
        if picture.ndim == 2:
            self.encode(av.VideoFrame.from_ndarray(picture, format="gray"), pts)
            return
        frame = av.VideoFrame.from_ndarray(even(picture) if self._even else picture, format="bgr24")
        yuv = self._reformatter.reformat(
            frame,
            format="yuv420p",
            dst_colorspace=colorspace_of(self._tags.matrix),
            dst_color_range=self._tags.range,
            interpolation=_EXACT,
            threads=1,
        )
        self.encode(yuv, pts)

    def encode(self, frame: av.VideoFrame, pts: int) -> None:
        """A frame that already has the file's size, pixel format and colours."""
        if not self._open:
            raise self._broken or OutputError(f"cannot write {self.path}: it was closed")
        frame.pts, frame.time_base, frame.duration = pts, self._time_base, self._frame_time
        try:
            with self._writing():
                self._mux(frame)
        except OutputError as error:
            if self._live:
                self._broken = error
                self._break_off()
            raise

    def finish(self) -> None:
        """Complete the file; it gets its name by ``close``. Safe to call twice."""
        if not self._open or self._finished:
            return
        try:
            with self._writing():
                self._mux(None)
                if self._rest is not None:
                    self._rest.up_to(None)
                self._container.close()
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
                self._unfinished.replace(self.path)
            self.kept = True
        finally:
            self.abort()

    def abort(self) -> None:
        """Give up: nothing is left on the disk. Does nothing after ``close``."""
        if not self._open:
            return
        self._open = False
        if self._rest is not None:
            self._rest.close()
        # Without its name first: to complete an .mp4 is to write it anew, and to read it for that.
        with suppress(OSError):
            self._unfinished.unlink(missing_ok=True)
        with suppress(av.FFmpegError, OSError):
            self._container.close()
        self._unfinished.unlink(missing_ok=True)

    def _break_off(self) -> None:
        """Leave the file as it is. To ask FFmpeg 8 for more, once it could not write, is to crash
        where the file is an .mp4 without its first packet."""
        self._open = False
        with suppress(OSError):
            if self._unfinished.stat().st_size:
                self._unfinished.replace(self.path)
                self.kept = True
            else:
                self._unfinished.unlink()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.abort()

    def _start(self, width: int, height: int, fps: Fraction, rest_from: Path | None) -> None:
        """What a container can hold beside the picture shows only when it is started."""
        told = len(self.warnings)
        for kinds in (REST, frozenset({"subtitle"}), frozenset[str]()):
            del self.warnings[told:]
            self._prepare(width, height, fps)
            if rest_from is not None:
                self._rest = Remux(rest_from, self._container, self.warnings, kinds)
            if self._live:  # the first packet does
                self._unfinished.touch()
                return
            try:
                self._container.start_encoding()
                return
            except av.ArgumentError:
                if self._rest is None or not kinds or not self._rest.takes_any(kinds):
                    raise
                self._rest.close()
                with suppress(av.FFmpegError, OSError):
                    self._container.close()

    def _prepare(self, width: int, height: int, fps: Fraction) -> None:
        flags = {}
        if self.path.suffix.lower() in {".mp4", ".mov"}:
            flags = {"movflags": "+hybrid_fragmented" if self._live else "+faststart"}
        self._container = av.open(f"file:{self._unfinished}", "w", container_options=flags)
        options = self._options | ({"g": _LIVE_GOP} if self._live else {})
        stream = self._container.add_stream(self._codec, fps, options, time_base=self._time_base)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height = width, height
        context = stream.codec_context
        context.sample_aspect_ratio = self._tags.pixel_aspect
        if self._codec == "ffv1":
            stream.pix_fmt = "gray"
            context.color_range = RANGE_FULL
        else:
            stream.pix_fmt = "yuv420p"
            context.colorspace, context.color_range = self._tags.matrix, self._tags.range
            context.color_primaries = self._tags.primaries
            context.color_trc = self._tags.transfer
        self._stream = stream

    def _mux(self, frame: av.VideoFrame | None) -> None:
        for packet in self._stream.encode(frame):
            if self._rest is not None and packet.dts is not None:
                self._rest.up_to(packet.dts * packet.time_base)
            self._container.mux(packet)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except (av.FFmpegError, OSError) as error:
            reason = error.strerror or str(error)
            mend = "; choose a folder you may write to, with space"
            raise OutputError(
                f"cannot write {self.path}: {reason}{mend if error.errno in _PLACES else ''}"
            ) from error


def _any(names: list[str]) -> str:
    return " or ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
