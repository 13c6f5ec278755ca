from __future__ import annotations

import platform
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bgblur.devices.v4l2 import fourcc_of, rates_of, read_names, read_node, read_rates

pytestmark = pytest.mark.skipif(platform.system() != "Linux", reason="V4L2 is Linux's")


def discrete(numerator: int, denominator: int) -> Any:
    """The kernel's answer on one frame interval, in seconds."""
    from linuxpy.video.device import FrameIntervalType, raw

    entry = raw.v4l2_frmivalenum()
    entry.type = FrameIntervalType.DISCRETE
    entry.discrete.numerator, entry.discrete.denominator = numerator, denominator
    return entry


def span(kind: str, shortest: tuple[int, int], longest: tuple[int, int]) -> Any:
    from linuxpy.video.device import FrameIntervalType, raw

    entry = raw.v4l2_frmivalenum()
    entry.type = FrameIntervalType[kind]
    entry.stepwise.min.numerator, entry.stepwise.min.denominator = shortest
    entry.stepwise.max.numerator, entry.stepwise.max.denominator = longest
    return entry


def test_rates_of_a_webcam() -> None:
    intervals = [discrete(1, 15), discrete(1001, 30000), discrete(2, 15), discrete(1, 15)]
    assert rates_of(intervals) == ([29.97, 15.0, 7.5], False)


@pytest.mark.parametrize("kind", ["STEPWISE", "CONTINUOUS"])
def test_the_shortest_interval_is_the_fastest_rate(kind: str) -> None:
    assert rates_of([span(kind, (1, 60), (1, 5))]) == ([60.0, 5.0], True)


def test_intervals_without_a_rate() -> None:
    assert rates_of([]) == ([], False)
    assert rates_of([discrete(0, 30)]) == ([], False)
    assert rates_of([span("CONTINUOUS", (0, 1), (1, 10))]) == ([10.0], True)


@pytest.mark.parametrize("name", ["MJPG", "YUYV", "Y16 ", "Y16 -BE", "XR15-BE"])
def test_fourcc(name: str) -> None:
    from linuxpy.video.device import raw

    code = raw.v4l2_fourcc(*name[:4]) | (name.endswith("-BE") << 31)
    assert fourcc_of(code) == name.replace(" ", "")


def test_what_is_no_camera_has_no_rates(tmp_path: Path) -> None:
    (tmp_path / "video0").write_text("a text")
    assert read_rates(tmp_path / "video0", ["YUYV"], 640, 480) == {}


@pytest.mark.parametrize("read", [read_node, read_names])
def test_a_path_that_is_not_a_device(tmp_path: Path, read: Callable[[Path], object]) -> None:
    (tmp_path / "video0").write_text("a text")
    with pytest.raises(OSError, match="Inappropriate ioctl"):
        read(tmp_path / "video0")
    with pytest.raises(FileNotFoundError):
        read(tmp_path / "video1")
