"""HDR clips: which they are, what they carry for displays, and their pictures as SDR."""

from __future__ import annotations

import struct
from fractions import Fraction

import av
from av.filter import Graph
from av.sidedata.sidedata import Type

from bgblur.imaging.hdr import Transfer
from bgblur.media.deinterlace import buffer_for
from bgblur.media.side_data import side_data_of

_TRANSFERS: dict[int, Transfer] = {16: "pq", 18: "hlg"}  # AVColorTransferCharacteristic
# swscale's own tone mapping: PyAV's FFmpeg has neither zscale nor libplacebo. It has no frame peak
# to go by and takes that of the mastering display.
_TO_SDR = (
    "in_primaries=bt2020:out_primaries=bt709:out_transfer=bt709:out_color_matrix=bt709"
    ":intent=perceptual:flags=accurate_rnd+full_chroma_int+bilinear"
)


def transfer_of(frame: av.VideoFrame) -> Transfer | None:
    """The transfer function of an HDR frame; None for SDR."""
    return _TRANSFERS.get(frame.color_trc)


def mastering_of(frame: av.VideoFrame) -> str:
    """The mastering display and the content's light levels as x265 takes them, or ""."""
    parts = []
    display = side_data_of(frame, Type.MASTERING_DISPLAY_METADATA)
    if display is not None:
        # AVMasteringDisplayMetadata: R, G, B, white point as x and y, darkest, brightest, flags.
        values = struct.unpack("<20iii", bytes(display)[:88])
        ratio = [Fraction(values[i], values[i + 1] or 1) for i in range(0, 20, 2)]
        if values[20] and values[21]:
            x = [round(value * 50000) for value in ratio[:8]]
            dark, bright = (round(value * 10000) for value in ratio[8:])
            red, green, blue, white = (f"({x[i]},{x[i + 1]})" for i in (0, 2, 4, 6))
            parts.append(f"master-display=G{green}B{blue}R{red}WP{white}L({bright},{dark})")
    light = side_data_of(frame, Type.CONTENT_LIGHT_LEVEL)
    if light is not None:
        most, average = struct.unpack("<II", bytes(light)[:8])
        parts.append(f"max-cll={most},{average}")
    return ":".join(parts)


class ToneMapper:
    """HDR frames to BGR of 8 bits with BT.709's colours, as SDR displays show them."""

    def __init__(self) -> None:
        self._graph: Graph | None = None
        self._kind: tuple[int, int, str] | None = None

    def __call__(self, frame: av.VideoFrame) -> av.VideoFrame:
        kind = (frame.width, frame.height, frame.format.name)
        if self._graph is None or kind != self._kind:
            self._graph, self._kind = Graph(), kind
            self._graph.threads = 1
            nodes = [
                self._graph.add("scale", _TO_SDR),
                self._graph.add("format", "bgr24"),
                self._graph.add("buffersink"),
            ]
            buffer = buffer_for(self._graph, frame)
            self._graph.link_nodes(buffer, *nodes).configure(auto_buffer=False)
        self._graph.push(frame)
        return self._graph.vpull()
