"""Brings sound, subtitles, fonts, chapters and tags from one video file to another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from fractions import Fraction
from functools import partial
from typing import Any

import av
from av.container import OutputContainer
from av.packet import Packet
from av.stream import Disposition, Stream

from bgblur.media.held import add_copy, holds
from bgblur.media.languages import for_container
from bgblur.media.places import without_place
from bgblur.media.reader import origin_of
from bgblur.media.sound import SoundTrack, encoders_for
from bgblur.media.source import Source, is_whole, opened
from bgblur.media.survey import Survey, is_text
from bgblur.media.tracks import CopyTrack, CueTrack, Track

# Each container writes its own of these, or they describe the packets of the source.
_LEFT_OUT = (
    "major_brand", "minor_version", "compatible_brands", "encoder", "duration", "rotate",
    "vendor_id", "handler_name", "bps", "number_of_frames", "number_of_bytes", "_statistics",
)  # fmt: skip
_TEXT_CODEC = {"webm": "webvtt", "matroska": "subrip"}  # else mov_text
_FONT_ENDINGS = (".ttf", ".otf", ".ttc", ".otc", ".woff", ".woff2")
_PICTURES = Disposition.attached_pic | Disposition.timed_thumbnails


class Remux:
    """Brings all streams of ``source`` but its picture into ``target``, and its chapters and tags.

    ``target`` has the picture's stream and must not be started yet. Call ``up_to`` as the video's
    time goes on. A stream is copied where ``target`` holds it, else converted. What tells the place
    and what an edit list hides stay out. ``warnings`` gets one line for each stream that is not
    copied. Raises FFmpegError and OSError if ``source`` cannot be opened.
    """

    def __init__(
        self, source: Source, target: OutputContainer, picture: Stream, warnings: list[str]
    ) -> None:
        self._name = source.name
        self._target = target
        self._warnings = warnings
        self._survey = Survey.of(source)
        self._files = ExitStack()
        self._container = self._files.enter_context(opened(source))
        self._origin = origin_of(self._container)
        self._shown = Fraction(0)
        self._tracks: dict[int, Track] = {}
        target.metadata.update(_kept(self._container.metadata))
        target.set_chapters(list(self._chapters()))
        videos = iter(self._container.streams.video)
        shown = next((s for s in videos if not s.disposition & _PICTURES), None)
        for stream in self._container.streams:
            if stream is shown:
                picture.metadata.update(self._tags(stream))
                picture.disposition = stream.disposition
            else:
                self._bring(stream)
        # Of a pipe all packets are read: the picture's tell how far it has come, while the next
        # subtitle may be far away.
        wanted = [self._container.streams[i] for i in self._tracks] if is_whole(source) else []
        self._packets = self._container.demux(*wanted)
        self._next = self._read() if self._tracks else None
        if not self._tracks:
            self.close()  # a pipe keeps what its readers have not read

    def up_to(self, seconds: Fraction | None) -> None:
        """Write the packets with a decoding time up to ``seconds``; None means all of them."""
        if seconds is not None:
            self._shown = max(self._shown, seconds)
        while self._next is not None and (seconds is None or self._time(self._next) <= seconds):
            track = self._tracks.get(self._next.stream_index)
            for packet in track.take(self._next) if track else ():
                self._target.mux(packet)
            self._next = self._read()
        if seconds is None:
            for track in self._tracks.values():
                for packet in track.finish():
                    self._target.mux(packet)

    def close(self) -> None:
        """Close the source; safe to call twice."""
        self._files.close()

    def _bring(self, stream: Stream) -> None:
        kind, codec = self._target.format.name.split(",")[0], _codec_of(stream)
        if stream.type == "audio":
            self._bring_sound(stream, kind, codec)
        elif stream.type == "subtitle":
            self._bring_subtitles(stream, kind, codec)
        elif stream.type == "video":
            cover = stream.disposition & _PICTURES
            what = f"the {'cover picture' if cover else 'second picture track'} of {self._name}"
            self._warnings.append(f"{what} ({codec}) is left out: it would not be blurred")
        elif stream.type == "attachment":
            self._bring_attachment(stream, kind)
        elif "timecode" not in stream.metadata and not self._holds_chapters(stream):
            # Time codes are written from the tags.
            label = stream.metadata.get("handler_name") or codec
            self._warnings.append(
                f"a data track of {self._name} ({label}) is left out: it may tell the place"
            )

    def _bring_sound(self, stream: Stream, kind: str, codec: str) -> None:
        cut = stream.index in self._survey.cut
        if not cut:
            tail = self._survey.tails.get(stream.index)
            copy = partial(CopyTrack, source=stream, origin=self._origin, tail=tail)
            if self._add(stream, copy, self._survey.first[stream.index]):
                return
        heard = stream.codec_context
        if isinstance(heard, av.AudioCodecContext) and heard.sample_rate:
            for encoder in encoders_for(self._target, stream):
                made = partial(
                    SoundTrack,
                    codec=encoder,
                    source=stream,
                    origin=self._origin,
                    shown=lambda: self._shown,
                    exact=cut,
                )
                if self._add(stream, made):
                    name = encoder.removeprefix("lib")
                    why = (
                        "so that what was trimmed off does not lie in the file"
                        if cut
                        else f"which a {kind} file can hold"
                    )
                    self._warnings.append(
                        f"the sound of {self._name} ({codec}) was re-encoded as {name}, {why}"
                    )
                    return
        self._leave_out("sound", kind, codec)

    def _bring_subtitles(self, stream: Stream, kind: str, codec: str) -> None:
        if stream.index in self._survey.placed:
            self._warnings.append(
                f"the subtitles of {self._name} ({codec}) are left out: "
                "they tell where it was taken"
            )
            return
        if stream.index in self._survey.unseen:
            self._warnings.append(
                f"the subtitles of {self._name} ({codec}) are left out: a pipe cannot be looked "
                "through for places before; give the file's name to keep them"
            )
            return
        if self._add(stream, partial(CopyTrack, source=stream, origin=self._origin)):
            return
        cues = self._survey.cues.get(stream.index)
        if is_text(stream) and cues is not None:
            made = partial(
                CueTrack, codec=_TEXT_CODEC.get(kind, "mov_text"), source=stream, cues=cues
            )
            if self._add(stream, made):
                return
        self._leave_out("subtitles", kind, codec)

    def _bring_attachment(self, stream: Stream, kind: str) -> None:
        name = stream.metadata.get("filename", "without a name")
        if not name.lower().endswith(_FONT_ENDINGS):
            self._warnings.append(f"{name}, attached to {self._name}, is left out: it is no font")
        elif holds(self._target, lambda trial: _attach(trial, stream)):
            _attach(self._target, stream)
        else:
            self._warnings.append(
                f"the font {name} of {self._name} would not fit into a {kind} file, so the result "
                "does not have it: write to .mkv to keep it"
            )

    def _add(
        self,
        stream: Stream,
        make: Callable[[OutputContainer], Track],
        packets: Sequence[Packet[Any]] = (),
    ) -> bool:
        """Add the track that ``make`` makes, if the container holds it and, first, ``packets``."""
        if not holds(self._target, lambda trial: make(trial).stream, packets):
            return False
        track = make(self._target)
        track.stream.metadata.update(self._tags(stream))
        track.stream.disposition = stream.disposition
        self._tracks[stream.index] = track
        return True

    def _tags(self, stream: Stream) -> dict[str, str]:
        return for_container(_kept(stream.metadata), self._target.format.name)

    def _leave_out(self, what: str, kind: str, codec: str) -> None:
        other = ".mp4" if kind == "matroska" else ".mkv"
        self._warnings.append(
            f"the {what} of {self._name} ({codec}) would not fit into a {kind} file, so the result "
            f"has none: write to {other} to keep all"
        )

    def _holds_chapters(self, stream: Stream) -> bool:
        """QuickTime keeps the chapters' titles in a track, which FFmpeg reads as data."""
        return (
            stream.type == "data"
            and "mov" in self._container.format.name
            and bool(self._container.chapters())
        )

    def _chapters(self) -> Any:
        for chapter in self._container.chapters():
            if chapter["end"] > 0:
                chapter["start"] = max(0, chapter["start"])
                yield {**chapter, "metadata": without_place(chapter["metadata"])}

    def _time(self, packet: Packet[Any]) -> Fraction:
        stamp = packet.dts if packet.dts is not None else packet.pts
        return (stamp or 0) * packet.time_base - self._origin

    def _read(self) -> Packet[Any] | None:
        try:
            for packet in self._packets:
                if packet.size:
                    return packet
        except av.FFmpegError:
            self._warnings.append(f"the sound of {self._name} breaks off early")
        return None


def _attach(target: OutputContainer, stream: Stream) -> Stream:
    copy = add_copy(target, stream)
    copy.metadata.update(stream.metadata)
    return copy


def _codec_of(stream: Stream) -> str:
    return stream.codec_context.name if stream.codec_context else "of an unknown kind"


def _kept(tags: dict[str, str]) -> dict[str, str]:
    return {
        key: value
        for key, value in without_place(tags).items()
        if not any(part in key.lower() for part in _LEFT_OUT)
    }
