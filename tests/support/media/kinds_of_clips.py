"""Small clips with more in them than a picture and its sound, made by ffmpeg."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image as Pillow

from support.media.edit_lists import edit
from support.media.made_by_ffmpeg import ffmpeg
from support.media.odd_clips import write_opacity

_SIZE = "64x48"
_IN = f"-f lavfi -i testsrc2=s={_SIZE}:d=0.4:r=25 -f lavfi -i sine=d=0.4"
_MASTERING = (
    "master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,1)"
    ":max-cll=1000,400"
)


def _edited(path: Path) -> None:
    """Pictures and sound of which a part is hidden at both ends and in the middle."""
    ffmpeg(f"{_IN} -c:v libx264 -c:a aac", path)
    edit(path, {
        b"vide": [(120, 1024), (120, 3584)],
        b"soun": [(120, 4800), (120, 12000)],
    })  # fmt: skip


def _words(path: Path) -> None:
    """Subtitles, a font, a chapter and a tag, as far as the container holds them."""
    words, font = path.with_suffix(".srt"), path.with_suffix(".ttf")
    words.write_text(
        "1\n00:00:00,000 --> 00:00:00,200\nOne\n\n2\n00:00:00,200 --> 00:00:00,390\nTwo\n"
    )
    font.write_bytes(b"\0\1\0\0" + bytes(range(64)))
    mkv = path.suffix == ".mkv"
    attached: list[str | Path] = ["-attach", font, "-metadata:s:t mimetype=font/ttf"] if mkv else []
    codec = "subrip" if mkv else "mov_text"
    ffmpeg(_IN, "-i", words, *attached, f"-map 0 -map 1 -map 2 -c:v libx264 -c:s {codec}", path)


def _deep(path: Path) -> None:
    ffmpeg(
        f"{_IN} -pix_fmt yuv420p10le -c:v libx265 -x265-params",
        f"log-level=error:colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc:{_MASTERING}",
        path,
    )


def _exif(path: Path) -> None:
    exif = Pillow.Exif()
    exif[0x0112], exif[0x010F] = 6, "Maker"
    for number in range(4):
        picture = Pillow.fromarray(np.full((48, 64, 3), 60 * number, np.uint8))
        picture.save(path.with_name(f"{number}.jpg"), exif=exif)
    ffmpeg("-framerate 5 -i", path.with_name("%d.jpg"), "-c copy", path)


def _clear(kind: str) -> Callable[[Path], object]:
    noise = np.random.default_rng(0).integers(0, 255, (8, 48, 64, 4)).astype(np.uint8)
    return lambda path: write_opacity(path, kind, list(noise))


CLIPS: dict[str, Callable[[Path], object]] = {
    "edited.mp4": _edited,
    "edited.mov": _edited,
    "words.mkv": _words,
    "words.mp4": _words,
    "deep.mp4": _deep,
    "exif.mov": _exif,
    "clear.webm": _clear("vp9.webm"),
    "clear.mov": _clear("prores.mov"),
    "animation.mov": _clear("animation.mov"),
    "fields.mp4": lambda path: ffmpeg(
        f"{_IN} -vf tinterlace=4 -flags +ilme+ildct -c:v libx264 -x264-params tff=1", path
    ),
}
