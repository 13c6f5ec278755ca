"""Copies sound, subtitles, chapters and tags from one video file to another, unchanged."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.container import OutputContainer
from av.packet import Packet
from av.stream import Stream

from bgblur.media.reader import open_file, origin_of

_KINDS = {"audio": "sound", "subtitle": "subtitles"}
REST = frozenset(_KINDS)
# Each container writes its own of these; a location would reveal what the blur hides.
_LEFT_OUT = ("major_brand", "minor_version", "compatible_brands", "encoder", "duration", "location")


class Remux:
    """Copies the streams of ``kinds``, the chapters and the tags of ``source`` to ``target``.

    ``target`` must not be started yet. Call ``up_to`` as the video's time goes on. The location
    tag is left out. ``warnings`` gets one line for each stream that ``target`` cannot hold or that
    cannot be read. Raises FFmpegError and OSError if ``source`` cannot be opened.
    """

    def __init__(
        self,
        source: Path,
        target: OutputContainer,
        warnings: list[str],
        kinds: frozenset[str] = REST,
    ) -> None:
        self._name = source.name
        self._target = target
        self._warnings = warnings
        self._container = open_file(source)
        self._origin = origin_of(self._container)
        target.metadata.update(_kept(self._container.metadata))
        target.set_chapters(self._container.chapters())
        self._streams: dict[int, Stream] = {}
        for stream in self._container.streams:
            if stream.type in kinds:
                self._copy_stream(stream)
            elif stream.type in _KINDS:
                self._leave_out(stream)
        self._packets = self._container.demux(*(self._container.streams[i] for i in self._streams))
        self._next = self._read() if self._streams else None
        self._earliest: dict[int, int] = {}  # the smallest time stamp that may come next, by stream

    def up_to(self, seconds: Fraction | None) -> None:
        """Write the packets with a decoding time up to ``seconds``; None means all of them."""
        while self._next is not None and (seconds is None or _seconds(self._next) <= seconds):
            packet = self._next
            self._mux(packet)
            self._next = self._read()

    def close(self) -> None:
        """Close the source; safe to call twice."""
        self._container.close()

    def takes_any(self, kinds: frozenset[str]) -> bool:
        """Whether it copies any stream of these kinds."""
        return any(stream.type in kinds for stream in self._streams.values())

    def _leave_out(self, stream: Stream) -> None:
        kind = self._target.format.name.split(",")[0]
        codec = stream.codec_context.name if stream.codec_context else "of an unknown kind"
        other = ".mp4" if kind == "matroska" else ".mkv"
        self._warnings.append(
            f"the {_KINDS[stream.type]} of {self._name} ({codec}) would not fit into a {kind} "
            f"file, so the result has none: write to {other} to keep all"
        )

    def _copy_stream(self, stream: Stream) -> None:
        try:
            copy = self._target.add_stream_from_template(stream)
        except (ValueError, av.FFmpegError):
            self._leave_out(stream)
            return
        copy.metadata.update(_kept(stream.metadata))  # its language
        copy.disposition = stream.disposition
        self._streams[stream.index] = copy

    def _mux(self, packet: Packet[Any]) -> None:
        index = packet.stream_index
        if packet.dts is not None:
            earliest = self._earliest.get(index, packet.dts)
            if packet.dts < earliest:
                return  # the file itself is out of order, and muxers refuse that
            # Two subtitles may begin together, since two people may speak at a time.
            together = self._streams[index].type == "subtitle"
            self._earliest[index] = packet.dts if together else packet.dts + 1
        packet.stream = self._streams[index]
        self._target.mux(packet)

    def _read(self) -> Packet[Any] | None:
        try:
            for packet in self._packets:
                if packet.size:
                    shift = round(self._origin / packet.time_base)
                    packet.pts = None if packet.pts is None else packet.pts - shift
                    packet.dts = None if packet.dts is None else packet.dts - shift
                    return packet
        except av.FFmpegError:
            self._warnings.append(f"the sound of {self._name} breaks off early")
        return None


def _kept(tags: dict[str, str]) -> dict[str, str]:
    return {
        key: value
        for key, value in tags.items()
        if not any(part in key.lower() for part in _LEFT_OUT)
    }


def _seconds(packet: Packet[Any]) -> Fraction:
    stamp = packet.dts if packet.dts is not None else packet.pts
    return (stamp or 0) * packet.time_base
