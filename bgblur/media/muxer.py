"""Encodes pictures into a container, beside the sound and the rest of another file."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
from av.container import OutputContainer

from bgblur.media.codecs import Codec
from bgblur.media.remux import Remux
from bgblur.media.source import Source
from bgblur.media.tags import RANGE_FULL, PictureTags

_FRAME_DURATION = 1 << 8  # AV_CODEC_FLAG_FRAME_DURATION: frames say how long they are shown
_LIVE_GOP = "60"  # frames: the most that is lost if a recording breaks off
_X265_DELAY = 2  # frames that it reorders; a clip of no more of them has none to reorder


@dataclass(frozen=True)
class PictureStream:
    """The one video stream of a file: how it is encoded, its size, rate and colours."""

    codec: Codec
    width: int
    height: int
    fps: Fraction
    time_base: Fraction
    tags: PictureTags


@dataclass(frozen=True)
class Address:
    """Where FFmpeg writes, as it names it, and the container's format, or the name's own."""

    url: str
    format: str | None = None


class Muxer:
    """Writes one container. A ``live`` one can be played up to where it breaks off.

    All methods but ``close`` raise av.FFmpegError and OSError.
    """

    def __init__(self, address: Address, pictures: PictureStream, live: bool) -> None:
        self._address = address
        self._pictures = pictures
        self._live = live
        self._frames = 0
        self._rest: Remux | None = None
        self._container: OutputContainer | None = None

    def start(self, rest_from: Source | None, warnings: list[str]) -> None:
        """Open the container; ``warnings`` gets a line for each stream that is not copied."""
        container = self._open()
        if rest_from is not None:
            self._rest = Remux(rest_from, container, self._stream, warnings)
        if self._live:  # FFmpeg starts it with the first packet
            Path(self._address.url.removeprefix("file:")).touch()
        else:
            container.start_encoding()

    def mux(self, frame: av.VideoFrame | None) -> None:
        """Encode ``frame``; with None, ask the encoder for the packets that it still holds."""
        assert self._container is not None
        self._frames += frame is not None
        for packet in self._stream.encode(frame):
            if self._frames <= _X265_DELAY and self._pictures.codec.name == "libx265":
                packet.dts = packet.pts  # x265 reads it from memory that it never wrote
            if self._rest is not None and packet.dts is not None:
                self._rest.up_to(packet.dts * packet.time_base)
            self._container.mux(packet)

    def complete(self) -> None:
        """Write what the encoder still holds, the remaining sound, and the container's end."""
        self.mux(None)
        if self._rest is not None:
            self._rest.up_to(None)
        assert self._container is not None
        self._container.close()

    def close(self) -> None:
        """Close both files whatever state they are in; safe to call twice."""
        if self._rest is not None:
            self._rest.close()
        if self._container is not None:
            with suppress(av.FFmpegError, OSError):
                self._container.close()

    def _open(self) -> OutputContainer:
        pictures, codec = self._pictures, self._pictures.codec
        flags = {}
        if Path(self._address.url).suffix.lower() in {".mp4", ".mov"}:
            flags = {"movflags": "+hybrid_fragmented" if self._live else "+faststart"}
        url, kind = self._address.url, self._address.format
        self._container = av.open(url, "w", format=kind, container_options=flags)
        options = codec.options | ({"g": _LIVE_GOP} if self._live else {})
        stream = self._container.add_stream(
            codec.name, pictures.fps, options, time_base=pictures.time_base
        )
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height = pictures.width, pictures.height
        stream.pix_fmt = codec.pixel_format
        if codec.pixel_format == "yuva420p":
            stream.metadata["alpha_mode"] = "1"  # players and Matroska readers go by it
        context = stream.codec_context
        if codec.name == "libx265" and flags:
            context.codec_tag = "hvc1"  # Apple's players do not take FFmpeg's "hev1"
        context.flags |= _FRAME_DURATION
        context.sample_aspect_ratio = pictures.tags.pixel_aspect
        if codec.pixel_format == "gray":
            context.color_range = RANGE_FULL
        else:
            context.colorspace, context.color_range = pictures.tags.matrix, pictures.tags.range
            context.color_primaries = pictures.tags.primaries
            context.color_trc = pictures.tags.transfer
        self._stream = stream
        return self._container
