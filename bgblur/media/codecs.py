"""Which encoder a video file gets, by the ending of its name."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from bgblur.errors import UsageError


@dataclass(frozen=True)
class Codec:
    """An encoder of FFmpeg with its options. ``even`` encoders refuse an odd width or height."""

    name: str
    options: dict[str, str]
    pixel_format: str = "yuv420p"
    even: bool = False


_H264 = Codec("libx264", {"crf": "18", "preset": "veryfast"}, even=True)
_VP9 = Codec("libvpx-vp9", {"crf": "30", "deadline": "good", "cpu-used": "5", "row-mt": "1"})
_FFV1 = Codec("ffv1", {"level": "3", "slicecrc": "1"}, pixel_format="gray")
_VP9_ALPHA = replace(_VP9, pixel_format="yuva420p", options=_VP9.options | {"auto-alt-ref": "0"})
_PRORES = Codec(
    "prores_ks",
    {"profile": "4444", "alpha_bits": "16", "vendor": "apl0"},
    pixel_format="yuva444p10le",
)
_BY_ENDING = {".mp4": _H264, ".mkv": _H264, ".mov": _H264, ".webm": _VP9}


_INTERLACED = {".mp4": _H264, ".mkv": _H264, ".mov": _H264}
_FIELDS = {"top": "tff=1", "bottom": "bff=1"}
_WITH_OPACITY = {".mkv": _VP9_ALPHA, ".webm": _VP9_ALPHA, ".mov": _PRORES}


@dataclass(frozen=True)
class Needs:
    """What a video must be able to hold: ``opacity``; interlaced frames, whose first field is
    the "top" or the "bottom" one; or only ``gray``, without loss."""

    gray: bool = False
    opacity: bool = False
    fields: Literal["top", "bottom"] | None = None


COLOR = Needs()
GRAY = Needs(gray=True)


def holds_opacity(path: Path) -> bool:
    """Whether a video of this name, by its ending, can have transparent parts."""
    return path.suffix.lower() in _WITH_OPACITY


def codec_of(path: Path, needs: Needs = COLOR) -> Codec:
    """H.264 or VP9; lossless FFV1 for gray; VP9 or ProRes 4444 for opacity. Raises UsageError for
    an ending, by which it cannot be written."""
    accepted = _BY_ENDING
    what = "the video"
    if needs.gray:
        accepted, what = {".mkv": _FFV1}, "the alpha file"
    elif needs.opacity:
        accepted, what = _WITH_OPACITY, "transparency to"
    elif needs.fields:
        accepted, what = _INTERLACED, "interlaced video to"
    found = accepted.get(path.suffix.lower())
    if found is None:
        *most, last = accepted
        endings = " or ".join([", ".join(most), last] if most else [last])
        raise UsageError(f"cannot write {what} {path.name}: its name must end in {endings}")
    if needs.fields:
        return replace(found, options=found.options | {"x264-params": _FIELDS[needs.fields]})
    return found


def check_target(path: Path, needs: Needs = COLOR) -> None:
    """Raises UsageError if no such video can be written under this name, by its ending."""
    codec_of(path, needs)
