"""Looks through a file, once, for what must not be copied from it: cut sound and positions."""

from __future__ import annotations

import struct
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import islice
from typing import Any

import av
import numpy as np
from av.container import InputContainer
from av.packet import Packet
from av.stream import Discard, Stream

from bgblur.media.held import decodes
from bgblur.media.places import tells_place
from bgblur.media.reader import origin_of
from bgblur.media.source import Source, is_whole, opened

_LONGEST_PRIMING = Fraction(1, 10)  # seconds that an encoder puts before the first sample
_TICK = Fraction(1, 500)  # seconds; edit lists are rounded to 1/600 s or finer
_BEGINNING = 500  # packets of a pipe that are looked at
_FIRST = 3  # packets that show whether a container takes a sound
_SILENT = 0.02  # of full scale; encoders blur a sharp beginning a little into their priming
_TEXT = frozenset(["mov_text", "subrip", "srt", "webvtt", "ass", "ssa", "text"])


@dataclass
class Cue:
    """A subtitle: ``start`` and ``end`` in seconds, ``text`` in ASS without its first fields."""

    start: Fraction
    end: Fraction
    text: str


@dataclass
class Survey:
    """What was found, by the streams' index.

    ``cut`` sounds hold parts that an edit list hides; ``tails`` has the time where the last packet
    begins if only that one goes too far. ``cues`` are those of each text stream that can be read,
    ``placed`` the text streams that tell a position, ``first`` the first packets of each sound.
    A pipe cannot be looked through first: its text streams are ``unseen``, and the sounds that an
    edit list may have ``cut`` count as such.
    """

    cut: set[int] = field(default_factory=set)
    tails: dict[int, int] = field(default_factory=dict)
    cues: dict[int, list[Cue]] = field(default_factory=dict)
    placed: set[int] = field(default_factory=set)
    first: dict[int, list[Packet[Any]]] = field(default_factory=dict)
    unseen: set[int] = field(default_factory=set)

    @classmethod
    def of(cls, source: Source) -> Survey:
        """Raises FFmpegError and OSError if ``source`` cannot be opened."""
        if not is_whole(source):
            return cls._of_beginning(source)
        found = cls()
        with opened(source) as container:
            # Edit lists are the only way to hide sound: other containers need no look.
            edited = "mov" in container.format.name.split(",")
            sounds = {s.index: _Sound() for s in container.streams.audio}
            texts = [s for s in container.streams.subtitles if is_text(s)]
            wanted = [*(container.streams[index] for index in sounds), *texts]
            for stream in container.streams:
                if stream not in wanted:
                    stream.discard = Discard.all
            origin = origin_of(container)
            try:
                for packet in container.demux(*wanted) if wanted else ():
                    if not packet.size:
                        continue
                    if packet.stream_index in sounds:
                        sounds[packet.stream_index].add(packet)
                        if not (edited or texts) and all(s.begun for s in sounds.values()):
                            break
                    else:
                        found._read_text(packet, origin)
            except av.FFmpegError:
                pass  # it breaks off: what there is was seen
            for index, sound in sounds.items():
                found.first[index] = sound.first
                if edited:
                    found._judge(container, index, sound)
        return found

    @classmethod
    def _of_beginning(cls, source: Source) -> Survey:
        found = cls()
        with opened(source) as container:
            edited = "mov" in container.format.name.split(",")
            sounds = {s.index: _Sound() for s in container.streams.audio}
            found.unseen = {s.index for s in container.streams.subtitles if is_text(s)}
            with suppress(av.FFmpegError):
                for packet in islice(container.demux(), _BEGINNING if sounds else 0):
                    if packet.size and packet.stream_index in sounds:
                        sounds[packet.stream_index].add(packet)
                    if all(sound.begun for sound in sounds.values()):
                        break
            found.first = {index: sound.first for index, sound in sounds.items()}
            found.cut = set(sounds) if edited else set()
        return found

    def _judge(self, container: InputContainer, index: int, sound: _Sound) -> None:
        stream = container.streams[index]
        if sound.cut or (sound.hidden and _audible(stream, sound.hidden, hidden_until=0)):
            self.cut.add(index)
        elif sound.last and stream.duration is not None:
            end = (stream.start_time or 0) + stream.duration
            last = sound.last[-1]
            over = (last.pts or 0) + (last.duration or 0) - end
            if over * last.time_base > _TICK and _audible(stream, sound.last, heard_until=end):
                self.tails[index] = last.pts or 0

    def _read_text(self, packet: Packet[Any], origin: Fraction) -> None:
        index = packet.stream_index
        if tells_place(bytes(packet).decode(errors="replace")):
            self.placed.add(index)
        cues = self.cues.setdefault(index, [])
        try:
            read = packet.stream.codec_context.decode2(packet)
        except av.FFmpegError:
            return
        if read is None or packet.pts is None:
            return
        start = packet.pts * packet.time_base - origin
        milliseconds = read.end_display_time - read.start_display_time
        length = (packet.duration or 0) * packet.time_base or Fraction(milliseconds, 1000)
        lines = [rect.ass.decode(errors="replace").split(",", 8)[-1] for rect in read.rects]
        text = "\\N".join(line for line in lines if line)
        if tells_place(text.replace("\\N", "\n")):
            self.placed.add(index)
        if text and start + length > 0:
            cues.append(Cue(max(start, Fraction(0)), start + length, text))


@dataclass
class _Sound:
    """The packets at both ends of a sound, and whether more than priming is hidden."""

    first: list[Packet[Any]] = field(default_factory=list)
    hidden: list[Packet[Any]] = field(default_factory=list)
    last: deque[Packet[Any]] = field(default_factory=lambda: deque(maxlen=3))
    shown: bool = False
    cut: bool = False

    @property
    def begun(self) -> bool:
        return len(self.first) == _FIRST

    def add(self, packet: Packet[Any]) -> None:
        if not self.begun:
            self.first.append(packet)
        self.last.append(packet)
        skipped = _skipped(packet)
        rate = packet.stream.codec_context.sample_rate if decodes(packet.stream) else 0
        rate = rate or 48000
        if self.shown:
            self.cut |= packet.is_discard or skipped > 0
        elif skipped > _LONGEST_PRIMING * rate:
            self.cut = True
        elif packet.is_discard or (packet.pts or 0) < 0:
            self.hidden.append(packet)
        else:
            self.shown = True
        if self.hidden and (packet.pts or 0) * packet.time_base < -_LONGEST_PRIMING:
            self.cut = True


def is_text(stream: Stream) -> bool:
    """Whether these are subtitles in letters, not in pictures."""
    return decodes(stream) and stream.codec_context.name in _TEXT


def _skipped(packet: Packet[Any]) -> int:
    """The samples at its start that are not heard, from AV_PKT_DATA_SKIP_SAMPLES."""
    if not packet.has_sidedata("skip_samples"):
        return 0
    return int(struct.unpack_from("<I", bytes(packet.get_sidedata("skip_samples")))[0])


def _audible(
    stream: Stream, packets: Any, *, hidden_until: int | None = None, heard_until: int = 0
) -> bool:
    """Whether there is sound before ``hidden_until``, or else after ``heard_until``, in the
    stream's time base. Sound that cannot be decoded counts."""
    if not decodes(stream):
        return True
    heard = stream.codec_context
    assert isinstance(heard, av.AudioCodecContext)
    decoder = av.CodecContext.create(heard.name, "r")
    assert isinstance(decoder, av.AudioCodecContext)
    decoder.extradata, decoder.layout = heard.extradata, heard.layout
    decoder.sample_rate = heard.sample_rate
    tick = Fraction(stream.time_base or 0)
    try:
        for packet in packets:
            bare = av.Packet(bytes(packet))  # without what tells the decoder to skip
            for frame in decoder.decode(bare):
                samples = frame.to_ndarray()
                per_tick = float(tick * frame.sample_rate) * (
                    1 if frame.format.is_planar else frame.layout.nb_channels
                )
                bound = heard_until if hidden_until is None else hidden_until
                at = max(0, round((bound - (packet.pts or 0)) * per_tick))
                part = samples[..., :at] if hidden_until is not None else samples[..., at:]
                if part.size and np.abs(_centred(part)).max() > _SILENT:
                    return True
    except (av.FFmpegError, ValueError):
        return True
    return False


def _centred(samples: Any) -> Any:
    """Samples of any type to -1..1."""
    if samples.dtype.kind == "f":
        return samples
    if samples.dtype.kind == "u":
        return samples / 128.0 - 1
    return samples / -float(np.iinfo(samples.dtype).min)
