"""How one stream of a file gets into another: copied, or converted to what the container holds."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise
from typing import Any, Protocol

import av
from av.container import OutputContainer
from av.packet import Packet
from av.stream import Stream
from av.subtitles.subtitle import SubtitleSet

from bgblur.media.held import add_copy
from bgblur.media.survey import Cue


class Track(Protocol):
    """A stream of the new file. Its packets are in its own time base and count from ``origin``."""

    stream: Stream

    def take(self, packet: Packet[Any]) -> Iterator[Packet[Any]]:
        """Give the packets that become of one of the source's, which it may change."""

    def finish(self) -> Iterator[Packet[Any]]:
        """Give those that are left."""


class CopyTrack:
    """Copies packets unchanged, from ``origin`` seconds on; without the one at ``tail``."""

    def __init__(
        self, target: OutputContainer, source: Stream, origin: Fraction, tail: int | None = None
    ) -> None:
        self.stream = add_copy(target, source)
        self._origin = origin
        self._tail = tail
        self._earliest: int | None = None  # the smallest time stamp that may come next
        # Two subtitles may begin together, since two people may speak at a time.
        self._together = source.type == "subtitle"

    def take(self, packet: Packet[Any]) -> Iterator[Packet[Any]]:
        if self._tail is not None and packet.pts is not None and packet.pts >= self._tail:
            return
        shift = round(self._origin / packet.time_base)
        packet.pts = None if packet.pts is None else packet.pts - shift
        packet.dts = None if packet.dts is None else packet.dts - shift
        if packet.dts is not None:
            if self._earliest is not None and packet.dts < self._earliest:
                return  # the file itself is out of order, and muxers refuse that
            self._earliest = packet.dts if self._together else packet.dts + 1
        packet.stream = self.stream
        yield packet

    def finish(self) -> Iterator[Packet[Any]]:
        return iter(())


class CueTrack:
    """Writes subtitles in another format than they have in their file."""

    def __init__(
        self, target: OutputContainer, codec: str, source: Stream, cues: list[Cue]
    ) -> None:
        stream = target.add_stream(codec)
        assert isinstance(stream, av.subtitles.stream.SubtitleStream)
        self.stream: Stream = stream
        self._context = stream.codec_context
        self._context.time_base = stream.time_base = Fraction(1, 1000)
        read = source.codec_context
        assert isinstance(read, av.subtitles.codeccontext.SubtitleCodecContext)
        read.open(strict=False)
        self._context.subtitle_header = read.subtitle_header
        cues = sorted(cues, key=lambda cue: cue.start)
        self._cues = iter(_apart(cues) if codec == "mov_text" else cues)
        self._next = next(self._cues, None)
        self._number = 0

    def take(self, packet: Packet[Any]) -> Iterator[Packet[Any]]:
        """The cues that begin no later than the packet of the source."""
        if packet.pts is not None:
            yield from self._up_to(packet.pts * packet.time_base)

    def finish(self) -> Iterator[Packet[Any]]:
        yield from self._up_to(None)

    def _up_to(self, seconds: Fraction | None) -> Iterator[Packet[Any]]:
        while self._next is not None and (seconds is None or self._next.start <= seconds):
            cue, self._next = self._next, next(self._cues, None)
            length = max(1, round((cue.end - cue.start) * 1000))
            line = f"{self._number},0,Default,,0,0,0,,{cue.text}".encode()
            self._number += 1
            try:
                packet = self._context.encode_subtitle(SubtitleSet.create(line, 0, length))
            except av.FFmpegError:  # longer than a subtitle may be
                continue
            packet.time_base = Fraction(1, 1000)
            packet.pts = packet.dts = round(cue.start * 1000)
            packet.duration = length
            packet.stream = self.stream
            yield packet


def _apart(cues: list[Cue]) -> Iterator[Cue]:
    """The same words in cues that never overlap, which a track of an .mp4 asks for."""
    times = sorted({time for cue in cues for time in (cue.start, cue.end)})
    first = 0
    for start, end in pairwise(times):
        while first < len(cues) and cues[first].end <= start:
            first += 1
        shown = []
        for cue in cues[first:]:
            if cue.start > start:
                break
            if cue.end > start:
                shown.append(cue.text)
        if shown:
            yield Cue(start, end, "\\N".join(shown))
