"""Carries the sound of one video file over to another, packet by packet, as it is."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.packet import Packet


class AudioCopy:
    """The sound of ``source`` for ``target``; call ``up_to`` as the video's time goes on.

    ``warnings`` gets one line for sound that ``target`` cannot hold or that cannot be read.
    """

    def __init__(self, source: Path, target: OutputContainer, warnings: list[str]) -> None:
        self._name = source.name
        self._target = target
        self._warnings = warnings
        self._container = av.open(f"file:{source}")
        self._streams: dict[int, AudioStream] = {}
        for stream in self._container.streams.audio:
            try:
                copy = target.add_stream_from_template(stream)
            except (ValueError, av.FFmpegError):
                kind = target.format.name.split(",")[0]
                warnings.append(
                    f"the sound of {self._name} ({stream.codec_context.name}) does not fit into "
                    f"a {kind} file and is left out; write to .mkv to keep it"
                )
                continue
            copy.metadata.update(stream.metadata)  # its language
            self._streams[stream.index] = copy
        self._packets = self._container.demux(*(self._container.streams[i] for i in self._streams))
        self._next = self._read() if self._streams else None
        self._last: dict[int, int] = {}

    def up_to(self, seconds: Fraction | None) -> None:
        """Mux the packets decoded no later than ``seconds``; None means all that are left."""
        while self._next is not None and (seconds is None or _seconds(self._next) <= seconds):
            packet = self._next
            self._mux(packet)
            self._next = self._read()

    def close(self) -> None:
        self._container.close()

    def _mux(self, packet: Packet[Any]) -> None:
        index = packet.stream_index
        if packet.dts is not None:
            if packet.dts <= self._last.get(index, packet.dts - 1):
                return  # the file's own disorder, which no muxer accepts
            self._last[index] = packet.dts
        packet.stream = self._streams[index]
        self._target.mux(packet)

    def _read(self) -> Packet[Any] | None:
        try:
            for packet in self._packets:
                if packet.size:
                    return packet
        except av.FFmpegError:
            self._warnings.append(f"the sound of {self._name} breaks off early")
        return None


def _seconds(packet: Packet[Any]) -> Fraction:
    stamp = packet.dts if packet.dts is not None else packet.pts
    return (stamp or 0) * packet.time_base
