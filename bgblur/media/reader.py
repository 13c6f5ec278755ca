"""Reads video files frame by frame."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import av
from av.container import InputContainer
from av.format import Flags
from av.sidedata.sidedata import Type
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream
from numpy.typing import NDArray

from bgblur.errors import UsageError
from bgblur.files import user_path
from bgblur.interrupts import check
from bgblur.media.converter import Converter, has_opacity
from bgblur.media.deinterlace import deinterlaced, top_field_first
from bgblur.media.hdr import mastering_of, transfer_of
from bgblur.media.side_data import side_data_of
from bgblur.media.source import Source, is_whole, opened
from bgblur.media.tags import SDR, PictureTags, orientation_of

MOST_PIXELS = 8192 * 4320  # in one picture: a few damaged bytes may claim gigabytes
_BROKE_OFF = 0.25  # seconds of the stated length that may be missing without a warning


FieldOrder = Literal["top", "bottom"]
"""Which of a frame's two fields is shown first; the top one has its first line."""
_WITH_ALPHA = {"vp8": "libvpx", "vp9": "libvpx-vp9"}  # FFmpeg's own decoders drop the opacity


@dataclass(frozen=True)
class Keep:
    """What of a clip its pictures keep, where it has it: the opacity, the two ``fields`` of
    interlaced frames, the ``depth`` of 10 bits and more with HDR's colours, the closed
    ``captions``. Without, transparent parts are shown over white, a frame's two fields become one
    picture, and HDR is shown as SDR."""

    opacity: bool = False
    fields: bool = False
    depth: bool = False
    captions: bool = False


_NOTHING = Keep()


class VideoReader:
    """Yields every frame of a video file, upright and in order; can be iterated repeatedly.

    ``width`` and ``height`` are those of the upright picture, ``fps`` is the average rate and
    ``frames`` an estimate or None. After an iteration ``truncated`` is one line for the user if
    the file broke off or had packets that could not be decoded, and ``transparent`` says whether
    parts were transparent. ``fast`` pictures, for a clip that is played live, may be a level
    darker.

    ``opacity`` says whether pictures are BGRA. ``fields`` is "top" or "bottom", the field that is
    shown first, if each field is a picture of its own; ``fps`` and ``frames`` then count fields.
    ``depth`` says whether pictures have 16 bits. ``transfer`` is that of HDR's colours in the clip,
    and ``mastering`` what it carries for displays, see ``mastering_of``; ``deep`` says whether the
    clip has more than 8 bits, kept or not. ``captions`` has, by time stamp, the frames that closed
    captions are attached to; take them out. ``alone`` says whether there is nothing beside the
    picture.

    Raises UsageError for a file that has no readable video.
    """

    def __init__(self, path: Source, *, fast: bool = False, keep: Keep = _NOTHING) -> None:
        self.path = path
        self.truncated: str | None = None
        self.transparent = False
        self._until = Fraction(0)
        self.captions: dict[int, av.VideoFrame] = {}
        self._captioned = keep.captions
        self.fields: FieldOrder | None = None
        with _opened(path) as container:
            stream = _video_stream(container, path)
            first = next(self._decode(container, stream), None)
            if first is None:
                check()  # a signal is a pipe's end, too
                raise UsageError(f"cannot read {path}: {_why_undecoded(path)}")
            self.alone = len(container.streams) == 1
            self.time_base = stream.time_base or Fraction(1, 1000)
            self._start = origin_of(container)
            self.fps = stream.average_rate or stream.guessed_rate or Fraction(25)
            self.frames = _count(container, stream, self.fps)
            self.tags = PictureTags.of(first, stream.sample_aspect_ratio or Fraction(1))
            self._orientation = orientation_of(first)
            self._stored = (first.width, first.height)
        self._fast = fast
        self.opacity = keep.opacity and has_opacity(first)
        self.deep = _bits(first) > 8
        self.depth = keep.depth and self.deep
        self.transfer, self.mastering = transfer_of(first), mastering_of(first)
        if self.transfer and not self.depth:
            self.tags = replace(SDR, pixel_aspect=self.tags.pixel_aspect)
        if keep.fields and first.interlaced_frame and not self._orientation.transpose:
            top_first = top_field_first(first) is not self._orientation.upend
            self.fields = "top" if top_first else "bottom"
            self.time_base, self.fps = self.time_base / 2, self.fps * 2
            self.frames = None if self.frames is None else 2 * self.frames
        self.width, self.height = self._stored[:: -1 if self._orientation.transpose else 1]

    def __iter__(self) -> Iterator[tuple[NDArray[Any], int]]:
        """Yield BGR pictures ``(H, W, 3)``, ``uint8`` or with ``depth`` ``uint16``, or BGRA with
        ``opacity``, with increasing time stamps in ``time_base``."""
        convert = Converter(
            self._stored,
            self._orientation,
            fast=self._fast,
            opacity=self.opacity,
            depth=self.depth,
        )
        step = max(1, round(1 / (self.fps * self.time_base)))
        origin = round(self._start / self.time_base)
        last: int | None = None
        with _opened(self.path, last=True) as container:
            decoded = self._decode(container, _video_stream(container, self.path))
            for frame in deinterlaced(decoded, by_field=self.fields is not None):
                stamp = frame.pts if frame.pts is not None else frame.dts
                unknown = 0 if last is None else last + step
                pts = unknown if stamp is None else stamp - origin
                if last is not None and pts <= last:
                    pts = last + 1  # players and muxers refuse two frames with the same time stamp
                last = pts
                if self._captioned and side_data_of(frame, Type.A53_CC) is not None:
                    self.captions[pts] = frame
                picture = convert(frame)
                self.transparent = convert.transparent
                yield picture, pts

    @property
    def until(self) -> Fraction:
        """Seconds until which the last picture is shown, after an iteration; 0 if not known."""
        return max(Fraction(0), self._until - self._start)

    def _decode(self, container: InputContainer, stream: VideoStream) -> Iterator[av.VideoFrame]:
        """Yield all frames that can be decoded; set ``truncated`` at the end."""
        self.truncated = None
        # Frame threads would be faster but lose the frames around a damaged packet.
        stream.thread_type = "SLICE"
        decode = stream.decode
        tags = {key.lower(): value for key, value in stream.metadata.items()}
        if tags.get("alpha_mode") == "1" and stream.codec_context.name in _WITH_ALPHA:
            decode = _decoder_with_alpha(stream).decode
        end = self._until = Fraction(0)
        damaged = 0
        trimmed = False
        try:
            # The sound counts for the length too: it may be longer than the picture.
            for packet in container.demux():
                if packet.pts is not None:
                    end = max(end, (packet.pts + (packet.duration or 0)) * packet.time_base)
                if packet.stream is not stream:
                    continue
                if packet.pts is not None and packet.duration:
                    trimmed = packet.is_discard
                    if not trimmed:
                        shown = (packet.pts + packet.duration) * packet.time_base
                        self._until = max(self._until, shown)
                damaged += packet.is_corrupt
                try:
                    yield from decode(packet if packet.size else None)
                except av.FFmpegError:
                    damaged += 1
        except av.FFmpegError:  # the container itself broke off
            damaged += 1
            yield from decode(None)
        # An edit list may end within the last picture's time.
        if trimmed and stream.duration is not None and stream.time_base is not None:
            stated = ((stream.start_time or 0) + stream.duration) * stream.time_base
            self._until = min(self._until, stated)
        stated = Fraction(container.duration or 0, av.time_base)
        if stated - end > _BROKE_OFF:
            self.truncated = (
                f"{self.path.name} breaks off at {float(end):.1f} s of {float(stated):.1f} s: "
                "the rest of the file is missing"
            )
        elif damaged:
            self.truncated = (
                f"{self.path.name} is damaged: {damaged} of its packets could not be read whole, "
                "so some pictures may be missing or wrong"
            )


def _why_undecoded(path: Source) -> str:
    with path.open("rb") if isinstance(path, Path) else closing(path.open()) as file:
        start = file.read(64)
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP" and b"ANIM" in start:
        return (
            "it is an animated WebP picture, whose frames FFmpeg cannot decode; "
            'convert it, for example with "magick IN.webp OUT.gif"'
        )
    return "none of its pictures can be decoded; the file is damaged, try another copy"


def _decoder_with_alpha(stream: VideoStream) -> VideoCodecContext:
    decoder = av.CodecContext.create(_WITH_ALPHA[stream.codec_context.name], "r")
    assert isinstance(decoder, VideoCodecContext)
    decoder.extradata = stream.codec_context.extradata
    decoder.options = {"max_pixels": str(MOST_PIXELS)}
    return decoder


def origin_of(container: InputContainer) -> Fraction:
    """Seconds to subtract from every time stamp: a broadcast's clock may start at any value."""
    any_start = Flags.ts_discont in Flags(container.format.flags)
    return Fraction(container.start_time or 0, av.time_base) if any_start else Fraction(0)


@contextmanager
def _opened(path: Source, *, last: bool = False) -> Iterator[InputContainer]:
    if isinstance(path, Path):
        _check(path)
    elif not last and path.empty():
        check()
        raise UsageError("cannot read -: nothing came in; pipe a clip into it")
    with ExitStack() as stack:
        try:
            container = stack.enter_context(opened(path, last=last))
        except PermissionError:
            raise UsageError(f"cannot read {path}: permission denied; check its owner") from None
        except (av.FFmpegError, OSError) as error:
            check()
            raise UsageError(_not_a_video(path)) from error
        yield container


def _check(path: Path) -> None:
    if not user_path(str(path)).is_file():
        what = "it is not a file" if path.exists() else "there is no such file"
        raise UsageError(f"cannot read {path}: {what}; check the name")
    if path.stat().st_size == 0:
        raise UsageError(
            f"cannot read {path}: the file is empty (0 bytes); copy or record it again"
        )


def _video_stream(container: InputContainer, path: Source) -> VideoStream:
    if container.format.name == "tty":  # FFmpeg shows any .txt file as a terminal's output
        raise UsageError(_not_a_video(path))
    for stream in container.streams.video:
        cover = av.stream.Disposition.attached_pic
        if stream.codec_context is not None and not stream.disposition & cover:
            if stream.width * stream.height > MOST_PIXELS:
                raise UsageError(
                    f"cannot read {path}: its pictures are {stream.width}x{stream.height}, more "
                    "than 8K; scale it down with ffmpeg"
                )
            stream.codec_context.options = {
                "max_pixels": str(MOST_PIXELS)
            }  # the size may change within the stream
            return stream
    raise UsageError(f"cannot read {path}: it has no video, only sound or data; name a video file")


def _not_a_video(path: Source) -> str:
    if not is_whole(path):
        return (
            "cannot read -: it is not a video, or a kind that no pipe can give, as an .mp4 whose "
            "index comes last; give the file's name"
        )
    return (
        f"cannot read {path}: it is not a video, or it was cut short before its index; "
        "try another copy, or convert it with ffmpeg"
    )


def _bits(frame: av.VideoFrame) -> int:
    return max(component.bits for component in frame.format.components)


def _count(container: InputContainer, stream: VideoStream, fps: Fraction) -> int | None:
    """Estimate the number of frames; the header's count alone includes frames trimmed off."""
    if stream.duration is not None and stream.time_base is not None:
        by_time = round(stream.duration * stream.time_base * fps)
    else:
        by_time = round(Fraction(container.duration or 0, av.time_base) * fps)
    return min((count for count in (stream.frames, by_time) if count > 0), default=None)
