"""Which encoder a video file gets, by the ending of its name."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

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
_BY_ENDING = {".mp4": _H264, ".mkv": _H264, ".mov": _H264, ".webm": _VP9}


def codec_of(path: Path, *, gray: bool = False) -> Codec:
    """H.264 or VP9; with ``gray`` lossless FFV1. Raises UsageError for another ending."""
    accepted = {".mkv": _FFV1} if gray else _BY_ENDING
    found = accepted.get(path.suffix.lower())
    if found is None:
        what = "the alpha file" if gray else "the video"
        *most, last = accepted
        endings = " or ".join([", ".join(most), last] if most else [last])
        raise UsageError(f"cannot write {what} {path.name}: its name must end in {endings}")
    return found


def check_target(path: Path, *, gray: bool = False) -> None:
    """Raises UsageError if no video can be written under this name, by its ending."""
    codec_of(path, gray=gray)
