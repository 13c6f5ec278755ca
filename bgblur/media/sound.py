"""Re-encodes sound: where a container cannot hold it as it is, or an edit list hides parts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from fractions import Fraction
from typing import Any

import av
from av.container import OutputContainer
from av.packet import Packet
from av.stream import Stream

_DEFAULT = {"matroska": "flac", "webm": "libopus"}  # FLAC loses nothing
_LOSSY = "aac"  # for .mp4 and .mov: what all players know
_ENCODERS = {
    "mp3": "libmp3lame",
    "mp3float": "libmp3lame",
    "opus": "libopus",
    "vorbis": "libvorbis",
}
_EACH_CHANNEL = 96_000  # bits per second
_MOST = 320_000
_LONGEST_GAP = 600  # seconds of silence where no picture is shown: more is a damaged time stamp
_PIECE = 1  # seconds of silence that are made at a time


def encoders_for(target: OutputContainer, source: Stream) -> list[str]:
    """Names of encoders to try in this order: the codec that the sound has, then the usual one."""
    own = source.codec_context.name.removesuffix("_fixed")
    usual = _DEFAULT.get(target.format.name.split(",")[0], _LOSSY)
    names = [_ENCODERS.get(own, own), usual]
    return [name for name in names if name in av.codecs_available and _encodes(name)]


class SoundTrack:
    """Decodes the sound and re-encodes it, without what an edit list hides.

    Sound keeps its place beside the picture: gaps become silence. ``shown`` says until when, in
    seconds, pictures are shown. With ``exact`` the time stamps
    are true to a sample, as those of .mp4 files, and what is behind an edit's end is cut off.
    """

    def __init__(
        self,
        target: OutputContainer,
        codec: str,
        source: Stream,
        origin: Fraction,
        *,
        shown: Callable[[], Fraction],
        exact: bool = False,
    ) -> None:
        heard = source.codec_context
        assert isinstance(heard, av.AudioCodecContext)
        kind = av.Codec(codec, "w")
        rate = _rate(kind, heard.sample_rate)
        channels = heard.layout.nb_channels
        most = _MOST if channels <= 2 else _MOST // 2 * channels
        stream = target.add_stream(codec, rate)
        assert isinstance(stream, av.AudioStream)
        encoder = stream.codec_context
        encoder.layout = _layout(heard)
        encoder.format = _format(kind, heard.format.name)
        encoder.time_base = stream.time_base = Fraction(1, rate)
        encoder.bit_rate = min(max(heard.bit_rate or 0, _EACH_CHANNEL * channels), most)
        self.stream: Stream = stream
        self._encoder = encoder
        self._decoder = heard
        self._origin = origin
        self._shown = shown
        self._exact = exact
        self._end = None
        if exact and source.duration is not None:
            self._end = (source.start_time or 0) + source.duration
        self._resampler: av.AudioResampler | None = None
        self._heard: tuple[str, str, int] | None = None
        self._waiting: av.AudioFrame | None = None
        self._until = Fraction(0)

    def take(self, packet: Packet[Any]) -> Iterator[Packet[Any]]:
        try:
            frames = self._decoder.decode(packet)
        except av.FFmpegError:  # a damaged packet: a gap
            return
        yield from self._hear(frames)

    def finish(self) -> Iterator[Packet[Any]]:
        with suppress(av.FFmpegError):
            yield from self._hear(self._decoder.decode(None))
        last, self._waiting = self._waiting, None
        if last is not None and self._end is not None:
            last = _until(last, self._end)
        if last is not None:
            yield from self._encode(last)
        yield from self._resample(None)
        yield from self._packets(None)

    def _hear(self, frames: list[av.AudioFrame]) -> Iterator[Packet[Any]]:
        if not self._exact:
            for frame in frames:
                yield from self._encode(frame)
            return
        for frame in frames:  # an edit's last packet goes on behind its end
            before, self._waiting = self._waiting, frame
            if before is not None and frame.pts is not None:
                before = _until(before, frame.pts)
            if before is not None:
                yield from self._encode(before)

    def _encode(self, frame: av.AudioFrame) -> Iterator[Packet[Any]]:
        heard = (frame.format.name, frame.layout.name, frame.sample_rate)
        if heard != self._heard:  # a broadcast may change from one to the next
            yield from self._resample(None)
            options = {"async": "1", "min_hard_comp": "0.001" if self._exact else "0.1"}
            if self._heard is None:
                options["first_pts"] = "0"
            self._heard = heard
            self._resampler = av.AudioResampler(
                self._encoder.format,
                self._encoder.layout,
                self._encoder.sample_rate,
                self._encoder.frame_size or None,
                options,
            )
        if frame.pts is not None and frame.time_base is not None:
            frame.pts -= round(self._origin / frame.time_base)
            at = frame.pts * frame.time_base
            latest = max(self._until, self._shown()) + _LONGEST_GAP
            if not self._until - _LONGEST_GAP <= at <= latest:
                at, frame.pts = self._until, round(self._until / frame.time_base)
            # In one piece, the resampler would hold all of a long gap in memory.
            while at - self._until > _PIECE:
                yield from self._resample(_silence(frame, self._until))
                self._until += _PIECE
            self._until = at + Fraction(frame.samples, frame.sample_rate)
        yield from self._resample(frame)

    def _resample(self, frame: av.AudioFrame | None) -> Iterator[Packet[Any]]:
        if self._resampler is not None:
            for made in self._resampler.resample(frame):
                yield from self._packets(made)

    def _packets(self, frame: av.AudioFrame | None) -> Iterator[Packet[Any]]:
        for packet in self._encoder.encode(frame):
            packet.stream = self.stream
            yield packet


def _silence(like: av.AudioFrame, at: Fraction) -> av.AudioFrame:
    """``_PIECE`` seconds of it from ``at``, in seconds, on."""
    frame = av.AudioFrame(like.format.name, like.layout.name, _PIECE * like.sample_rate)
    zero = b"\x80" if like.format.name in ("u8", "u8p") else b"\0"
    for plane in frame.planes:
        plane.update(zero * plane.buffer_size)
    assert like.time_base is not None
    frame.sample_rate, frame.time_base = like.sample_rate, like.time_base
    frame.pts = round(at / like.time_base)
    return frame


def _until(frame: av.AudioFrame, end: int) -> av.AudioFrame | None:
    """``frame`` without what is at ``end`` or later, in its time base; None if nothing is left."""
    if frame.pts is None:
        return frame
    assert frame.time_base is not None
    keep = round((end - frame.pts) * frame.time_base * frame.sample_rate)
    if keep >= frame.samples:
        return frame
    if keep <= 0:
        return None
    values = frame.to_ndarray()
    each = 1 if frame.format.is_planar else frame.layout.nb_channels
    cut = av.AudioFrame.from_ndarray(
        values[:, : keep * each].copy(), frame.format.name, frame.layout.name
    )
    cut.sample_rate, cut.pts, cut.time_base = frame.sample_rate, frame.pts, frame.time_base
    return cut


def _encodes(name: str) -> bool:
    try:
        return bool(av.Codec(name, "w").is_encoder)
    except ValueError:
        return False


def _rate(codec: av.Codec, rate: int) -> int:
    """The sample rate, or the next that the codec knows."""
    known = sorted(codec.audio_rates or [])
    if not known or rate in known:
        return rate
    return next((other for other in known if other >= rate), known[-1])


def _layout(heard: av.AudioCodecContext) -> str:
    usual = {1: "mono", 2: "stereo", 3: "2.1", 4: "quad", 5: "5.0", 6: "5.1", 7: "6.1", 8: "7.1"}
    name = heard.layout.name
    return usual.get(heard.layout.nb_channels, name) if "channel" in name else name


def _format(codec: av.Codec, name: str) -> str:
    """The sample format that loses least of ``name``."""
    known = [each.name for each in codec.audio_formats or []] or [name]
    plain = name.removesuffix("p")
    wide = [plain, "s16", "s32", "flt"] if plain in ("u8", "s16") else [plain, "s32", "flt", "s16"]
    for wanted in wide:
        for option in (wanted, f"{wanted}p"):
            if option in known:
                return option
    return known[0]
