from __future__ import annotations

from bgblur.devices.formats import format_lines
from bgblur.devices.v4l2 import Format, Size, Steps


def test_sizes_of_the_same_rates_share_a_line() -> None:
    shape = Format(
        "MJPG",
        "Motion-JPEG",
        [
            Size(640, 480, [60.0, 30.0]),
            Size(1920, 1080, [29.97, 15.0]),
            Size(320, 240, [60.0, 30.0]),
            Size(160, 120),
        ],
    )
    assert format_lines([shape]) == [
        "MJPG Motion-JPEG",
        "    1920x1080 at 29.97, 15 fps",
        "    640x480, 320x240 at 60, 30 fps",
        "    160x120",
    ]


def test_formats_of_the_same_sizes_stand_together() -> None:
    small, large = [Size(320, 240, [30.0])], [Size(640, 480, [30.0])]
    formats = [Format("YUYV", "a", small), Format("MJPG", "b", large), Format("NV12", "c", small)]
    assert format_lines(formats) == [
        "YUYV, NV12",
        "    320x240 at 30 fps",
        "MJPG b",
        "    640x480 at 30 fps",
    ]
    assert format_lines([Format("", "as it opens", small)])[0] == "as it opens"


def test_ranges() -> None:
    shape = Format(
        "YUYV",
        "",
        [
            Size(8192, 4096, [1000.0, 0.5], True, Steps(2, 2, 1, 1)),
            Size(1280, 720, [30.0], False, Steps(16, 8, 16, 8)),
        ],
    )
    assert format_lines([shape]) == [
        "YUYV",
        "    2x2 to 8192x4096 at 1000 to 0.5 fps",
        "    16x8 to 1280x720 in steps of 16x8 at 30 fps",
    ]
