"""Writes a clip into a pipe, as Matroska or Y4M."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Literal

import av

from bgblur.errors import UsageError
from bgblur.media.codecs import COLOR, Codec, Needs, codec_of
from bgblur.media.muxer import Address
from bgblur.media.source import Source
from bgblur.media.tags import BT601, BT709, PictureTags
from bgblur.media.writer import VideoWriter

Format = Literal["mkv", "y4m"]
_Y4M = Codec("wrapped_avframe", {})
_FORMATS = {"mkv": "matroska", "y4m": "yuv4mpegpipe"}
_SLACK = 1.1  # of a frame's time: how late or early one may be before another is repeated or left


@dataclass(frozen=True)
class PipedOutput:
    """A descriptor that a clip is written to, and the clip's ``format``."""

    descriptor: int
    format: Format = "mkv"

    @property
    def kind(self) -> Path:
        """A name with the ending of such a clip, for those who ask what its kind holds."""
        return Path(f"-.{self.format}")


class PipeWriter(VideoWriter):
    """As VideoWriter, into a pipe. What was written stays written, whatever happens.

    Y4M holds the picture alone, in 8 bits, with one rate: pictures are repeated or left out so that
    the times stay right."""

    def __init__(
        self,
        pipe: PipedOutput,
        *,
        width: int,
        height: int,
        fps: Fraction,
        time_base: Fraction,
        rest_from: Source,
        needs: Needs = COLOR,
        tags: PictureTags,
    ) -> None:
        self._bare = pipe.format == "y4m"
        self._rate, self._input_base = fps * time_base, time_base
        self._first: int | None = None
        self._shown: av.VideoFrame | None = None
        self._count = self._repeated = self._left_out = 0  # pictures
        if self._bare:
            if needs.opacity or needs.fields:
                what = "transparency" if needs.opacity else "interlaced pictures"
                raise UsageError(f"Y4M holds no {what}: leave out --format y4m")
            shown = BT709 if height >= 720 else BT601  # what readers assume: Y4M does not say it
            tags = replace(shown, range=tags.range, pixel_aspect=tags.pixel_aspect)
        super().__init__(
            Path("-"),
            width=width,
            height=height,
            fps=fps,
            time_base=1 / fps if self._bare else time_base,
            rest_from=None if self._bare else rest_from,
            needs=needs,
            tags=tags,
            codec=_Y4M if self._bare else codec_of(pipe.kind, needs),
            into=Address(f"pipe:{pipe.descriptor}", _FORMATS[pipe.format]),
        )

    def encode(self, frame: av.VideoFrame, pts: int) -> None:
        """As VideoWriter's."""
        if not self._bare:
            super().encode(frame, pts)
            return
        self._first = pts if self._first is None else self._first
        place = (pts - self._first) * self._rate
        if place < self._count - _SLACK:
            self._left_out += 1
            return
        self._repeat(place)
        self._shown = frame
        self._put(frame)

    def finish(self, until: Fraction = Fraction(0)) -> None:
        """As VideoWriter's."""
        if self._shown is not None and self._first is not None:
            self._repeat((until / self._input_base - self._first) * self._rate)
            if self._repeated or self._left_out:
                self.warnings.append(
                    f"Y4M has one rate: {self._repeated} pictures were repeated and "
                    f"{self._left_out} left out, so that the times stay"
                )
            self._shown = None
        super().finish(until)

    def _repeat(self, place: Fraction) -> None:
        """Show the last picture until ``place`` frames after the first."""
        while self._shown is not None and place > self._count + _SLACK:
            self._put(self._shown)
            self._repeated += 1

    def _put(self, frame: av.VideoFrame) -> None:
        frame.pts, frame.time_base, frame.duration = self._count, self._time_base, 1
        self._count += 1
        self._mux(frame)

    def _explained(self, error: av.FFmpegError | OSError) -> str:
        return f"cannot write to the pipe: {error.strerror or error}; its reader ended"
