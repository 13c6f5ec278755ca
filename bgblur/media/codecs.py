"""Which encoder a video file gets, by the ending of its name."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from bgblur.errors import UsageError


@dataclass(frozen=True)
class Codec:
    """An encoder of FFmpeg with its options. ``even`` encoders refuse an odd width or height.
    ``captions`` says whether it writes a frame's closed captions."""

    name: str
    options: dict[str, str]
    pixel_format: str = "yuv420p"
    even: bool = False
    captions: bool = False


_H264 = Codec("libx264", {"crf": "18", "preset": "veryfast"}, even=True, captions=True)
_VP9 = Codec("libvpx-vp9", {"crf": "30", "deadline": "good", "cpu-used": "5", "row-mt": "1"})
_FFV1 = Codec("ffv1", {"level": "3", "slicecrc": "1"}, pixel_format="gray")
_VP9_ALPHA = replace(_VP9, pixel_format="yuva420p", options=_VP9.options | {"auto-alt-ref": "0"})
_PRORES = Codec(
    "prores_ks",
    {"profile": "4444", "alpha_bits": "16", "vendor": "apl0"},
    pixel_format="yuva444p10le",
)
_H265 = Codec(
    "libx265",
    {"crf": "18", "preset": "veryfast", "a53cc": "1"},
    pixel_format="yuv420p10le",
    even=True,
    captions=True,
)
_BY_ENDING = {".mp4": _H264, ".mkv": _H264, ".mov": _H264, ".webm": _VP9}


_DEEP = {".mp4": _H265, ".mkv": _H265, ".mov": _H265}
_INTERLACED = {".mp4": _H264, ".mkv": _H264, ".mov": _H264}
_FIELDS = {"top": "tff=1", "bottom": "bff=1"}
_WITH_OPACITY = {".mkv": _VP9_ALPHA, ".webm": _VP9_ALPHA, ".mov": _PRORES}


@dataclass(frozen=True)
class Needs:
    """What a video must be able to hold: ``opacity``; interlaced frames, whose first field is
    the "top" or the "bottom" one; the ``depth`` of 10 bits, with HDR's ``mastering`` data in x265's
    words; or only ``gray``, without loss."""

    gray: bool = False
    opacity: bool = False
    fields: Literal["top", "bottom"] | None = None
    depth: bool = False
    mastering: str = ""


COLOR = Needs()
GRAY = Needs(gray=True)


def holds_opacity(path: Path) -> bool:
    """Whether a video of this name, by its ending, can have transparent parts."""
    return path.suffix.lower() in _WITH_OPACITY


def holds_depth(path: Path) -> bool:
    """Whether a video of this name, by its ending, can have 10 bits."""
    return path.suffix.lower() in _DEEP


def codec_of(path: Path, needs: Needs = COLOR) -> Codec:
    """H.264 or VP9; lossless FFV1 for gray; VP9 or ProRes 4444 for opacity; H.265 for 10 bits, but
    H.264 if they are interlaced. Raises UsageError for
    an ending, by which it cannot be written."""
    accepted = _BY_ENDING
    what = "the video"
    if needs.gray:
        accepted, what = {".mkv": _FFV1}, "the alpha file"
    elif needs.opacity:
        accepted, what = _WITH_OPACITY, "transparency to"
    elif needs.fields:
        accepted, what = _INTERLACED, "interlaced video to"
    elif needs.depth:
        accepted, what = _DEEP, "10 bits to"
    found = accepted.get(path.suffix.lower())
    if found is None:
        *most, last = accepted
        endings = " or ".join([", ".join(most), last] if most else [last])
        raise UsageError(f"cannot write {what} {path.name}: its name must end in {endings}")
    if needs.fields:
        deep = "yuv420p10le" if needs.depth else found.pixel_format
        options = found.options | {"x264-params": _FIELDS[needs.fields]}
        return replace(found, options=options, pixel_format=deep)
    if found is _H265:
        params = ":".join(["log-level=error", *filter(None, [needs.mastering])])
        return replace(found, options=found.options | {"x265-params": params})
    return found


def check_target(path: Path, needs: Needs = COLOR) -> None:
    """Raises UsageError if no such video can be written under this name, by its ending."""
    codec_of(path, needs)
