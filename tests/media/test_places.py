"""The place where a recording was made is not kept, wherever a camera writes it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from support.media.made_by_ffmpeg import as_it_is, needs_ffmpeg

from bgblur.media.places import tells_place, without_place

PLACES = [
    "[iso : 100] [shutter : 1/640.0] [latitude: 48.858370] [longitude: 2.294481] [rel_alt: 1.200]",
    "[latitude : 48.858370] [longtitude : 2.294481]",  # DJI's own spelling
    "GPS(2.294481,48.858370,19) BAROMETER:91.2",
    "F/2.8, SS 206.14, ISO 150, GPS (2.2945, 48.8584, 19), D 24.26m, H 1.20m",
    "HOME(2.2945,48.8584) 2017.04.09",
    "+48.8584+002.2945/",
    "+48.8584+002.2945+035.123/",
    "-33.8568+151.2153+004.000CRSWGS_84/",
    '{"lat":48.85837,"lon":2.294481}',
    'exif:GPSLatitude="48,51.502N"',
    "48.858370, 2.294481",
    "N48.858370 E2.294481 32 km/h",
    "48.8584N, 2.2945E",
    "48° 51′ 30″ N 2° 17′ 40″ E",
    "48.8584° N",
    "$GPRMC,123519,A,4807.038,N,01131.000,E,022.4,084.4,230394,003.1,W*6A",
]
SPEECH = [
    "We met at 10:30, 2.5 miles north of the river.",
    "It costs 48.99, or 2.29 for members.",
    "Call +49-170-1234567 at home (1 pm).",
    "2024-05-01T10:00:00+0200",
    "At 90° it boils; north of here 20 ° is warm.",
    "Version 1.2345, build 6.7",
    "long 1 and lat. dorsi",
    "00:00:01,000 --> 00:00:01,900",
]


@pytest.mark.parametrize("text", PLACES)
def test_positions_are_found(text: str) -> None:
    assert tells_place(text)


@pytest.mark.parametrize("text", SPEECH)
def test_speech_is_none(text: str) -> None:
    assert not tells_place(text)


def test_tags_that_tell_the_place_are_dropped_by_name_or_value() -> None:
    tags = {
        "title": "A talk",
        "location-eng": "x",
        "com.apple.quicktime.location.ISO6709": "y",
        "GPS_Altitude": "35",
        "comment": "48.858370, 2.294481",
        "xmp": '<rdf exif:GPSLatitude="48,51.502N"/>',
        "creation_time": "2024-05-01T10:00:00.000000Z",
    }
    assert set(without_place(tags)) == {"title", "creation_time"}


@needs_ffmpeg
@pytest.mark.parametrize("codec", ["mov_text", "subrip", "ass", "webvtt"])
def test_no_text_stream_tells_it(tmp_path: Path, codec: str) -> None:
    """A receiver may find its position only after a while; the track is left out whole."""
    said = ["Hello", "[latitude: 48.858370] [longitude: 2.294481]"]
    (tmp_path / "s.srt").write_text(
        "".join(
            f"{n}\n00:00:00,{n}00 --> 00:00:00,{n}90\n{words}\n\n" for n, words in enumerate(said)
        )
    )
    source = tmp_path / ("in.mp4" if codec == "mov_text" else "in.mkv")
    call = "ffmpeg -v error -f lavfi -i testsrc2=s=64x48:d=1:r=5 -i s.srt -i s.srt -map 0 -map 1"
    tags = "-metadata comment=48.858370,2.294481 -metadata title=Talk"
    tags += " -metadata:s:s:0 title=+48.8584+002.2945/"
    subprocess.run(
        [*call.split(), *f"-c:v libx264 -c:s {codec} {tags} {source.name}".split()],
        cwd=tmp_path,
        check=True,
    )
    assert b"48.858" in source.read_bytes()

    for name in ("out.mp4", "out.mkv", "out.webm"):
        (line,) = as_it_is(source, tmp_path / name).warnings
        assert "the subtitles of" in line
        assert "where it was taken" in line
        written = (tmp_path / name).read_bytes()
        assert b"48.858" not in written
        assert b"Talk" in written
