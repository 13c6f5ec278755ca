"""Asks a kind of container which streams it holds."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import Any

import av
from av.bitstream import BitStreamFilterContext
from av.codec.context import CodecContext
from av.container import OutputContainer
from av.packet import Packet
from av.stream import Stream


def add_copy(target: OutputContainer, source: Stream) -> Stream:
    """A stream of ``target`` for the packets of ``source``, whatever codec they have.

    PyAV's own way refuses codecs that FFmpeg holds, such as ADPCM in Matroska. The parameters go
    through a filter that changes nothing. Raises FFmpegError for streams that cannot be copied.
    """
    copy = target.add_data_stream()
    plain = source
    if decodes(source):
        # Another container's tag for the codec would be refused: this one has none.
        scratch = av.open(io.BytesIO(), "w", format="null")
        plain = scratch.add_stream_from_template(source, True)
    BitStreamFilterContext("null", plain, copy)
    if source.time_base is not None:
        copy.time_base = source.time_base
    return copy


def decodes(stream: Stream) -> bool:
    """Whether FFmpeg has a decoder for it; PyAV types the context as always there."""
    context: CodecContext | None = stream.codec_context
    return context is not None


def holds(
    target: OutputContainer,
    add: Callable[[OutputContainer], Stream],
    packets: Sequence[Packet[Any]] = (),
) -> bool:
    """Whether a container like ``target`` holds the stream that ``add`` adds to it.

    FFmpeg says so when it writes the header, or a packet, or only when it reads them back: this
    tries all three in memory. ``packets`` are the source's first.
    """
    written = io.BytesIO()
    # Into a pipe Matroska cannot write what it learns only from the packets.
    place = _WriteOnly(written) if target.name.startswith("pipe:") else written
    trial = av.open(place, "w", format=target.format.name)
    try:
        stream = add(trial)
        trial.start_encoding()
        for packet in packets:
            trial.mux(_copied(packet, stream))
        trial.close()
        return not packets or _comes_back(written)
    except (av.FFmpegError, ValueError):
        return False


class _WriteOnly:
    def __init__(self, written: io.BytesIO) -> None:
        self.write = written.write


def _comes_back(written: io.BytesIO) -> bool:
    written.seek(0)
    with av.open(written, "r") as container:
        for stream in container.streams:
            if decodes(stream):
                stream.codec_context.open(strict=False)
        return any(packet.size for packet in container.demux())


def _copied(packet: Packet[Any], stream: Stream) -> Packet[Any]:
    copy: Packet[Any] = av.Packet(bytes(packet))
    copy.pts, copy.dts, copy.duration = packet.pts, packet.dts, packet.duration
    copy.time_base, copy.is_keyframe, copy.stream = packet.time_base, True, stream
    return copy
