"""Makes whole pictures of interlaced frames, whose two fields are a moment apart."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from fractions import Fraction

import av
import numpy as np
from av.filter import Graph


def buffer_for(graph: Graph, frame: av.VideoFrame) -> av.filter.context.FilterContext:
    """The input of ``graph`` for frames like this one. Graph.add_buffer leaves out the colours."""
    return graph.add(
        "buffer",
        f"video_size={frame.width}x{frame.height}:pix_fmt={frame.format.name}"
        f":time_base={frame.time_base or Fraction(1, 1000)}"
        f":colorspace={frame.colorspace}:range={frame.color_range}",
    )


def pulled(graph: Graph) -> Iterator[av.VideoFrame]:
    """What ``graph`` has ready."""
    with suppress(av.BlockingIOError, av.EOFError):
        while True:
            yield graph.vpull()


def deinterlaced(
    frames: Iterable[av.VideoFrame], *, by_field: bool = False
) -> Iterator[av.VideoFrame]:
    """Frames as they are until the first interlaced one; from there on through FFmpeg's bwdif,
    which leaves frames alone that are not marked as interlaced.

    A frame becomes one picture, or ``by_field`` two, with time stamps in half its time base: each
    has the lines of its own field unchanged, and the others interpolated.
    """
    mode = "send_field:deint=all" if by_field else "send_frame:deint=interlaced"
    graph: Graph | None = None
    kind: tuple[int, int, str] | None = None
    for frame in frames:
        now = (frame.width, frame.height, frame.format.name)
        if graph is not None and now != kind:  # the size changes within the stream
            graph.push(None)
            yield from _timed(pulled(graph), by_field)
            graph = None
        if graph is None:
            if not (frame.interlaced_frame or by_field):
                yield frame
                continue
            graph, kind = Graph(), now
            graph.threads = 1
            nodes = graph.add("bwdif", f"mode={mode}"), graph.add("buffersink")
            graph.link_nodes(buffer_for(graph, frame), *nodes).configure(auto_buffer=False)
        graph.push(frame)
        yield from _timed(pulled(graph), by_field)
    if graph is not None:
        graph.push(None)
        yield from _timed(pulled(graph), by_field)


def _timed(frames: Iterable[av.VideoFrame], by_field: bool) -> Iterator[av.VideoFrame]:
    for frame in frames:
        if not by_field and frame.pts is not None:  # bwdif counts in half the time base
            frame.pts //= 2
        yield frame


def top_field_first(frame: av.VideoFrame) -> bool:
    """Which field of an interlaced frame is shown first. PyAV does not tell; FFmpeg's
    separatefields puts it first. Fields that are the same count as top first."""
    graph = Graph()
    nodes = graph.add("separatefields"), graph.add("buffersink")
    graph.link_nodes(buffer_for(graph, frame), *nodes).configure(auto_buffer=False)
    graph.push(frame)
    graph.push(None)
    first = np.asarray(next(pulled(graph)).planes[0]).reshape(frame.height // 2, -1)
    whole = np.asarray(frame.planes[0]).reshape(frame.height, -1)
    width = min(first.shape[1], whole.shape[1], frame.width)
    return bool((whole[0 : 2 * len(first) : 2, :width] == first[:, :width]).all())
