"""PipeWire's formats and lists, without a server. With one: tests/e2e/test_pipewire.py."""

from __future__ import annotations

import ctypes

import cv2
import numpy as np
import pytest
from support.media.known_colors import middles, patches

from bgblur.devices.listing import Device
from bgblur.devices.pipewire.formats import MJPG, VideoFormat, agreed, offered, wanted
from bgblur.devices.pipewire.nodes import Node, without_doubles
from bgblur.devices.pipewire.pixels import to_bgr
from bgblur.frame import Image
from bgblur.imaging.color import to_i420
from bgblur.machine.checks.pipewire import check_pipewire

GONE = "PipeWire does not run here: `systemctl --user start pipewire`"


def read(pod: bytes) -> VideoFormat | None:
    kept = ctypes.create_string_buffer(pod)
    return agreed(ctypes.addressof(kept))


def test_a_format_is_read_as_written() -> None:
    assert read(offered(640, 360, 29.97)) == VideoFormat("I420", 640, 360, 29.97)
    assert [read(pod) for pod in wanted(640, 360, 30)] == [
        VideoFormat("I420", 640, 360, 30),
        VideoFormat(MJPG, 640, 360, 30),
    ] * 2
    assert agreed(None) is None
    assert read(offered(640, 360, 30)[:8] + bytes(96)) is None


def _i420(picture: Image) -> Image:
    return to_i420(picture)


def _nv12(picture: Image) -> Image:
    planes, width = to_i420(picture).ravel(), picture.shape[1]
    luma, chroma = np.split(planes, [planes.size * 2 // 3])
    return np.concatenate([luma, chroma.reshape(2, -1).T.ravel()]).reshape(-1, width)


def _yuy2(picture: Image) -> Image:
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2YUV_YUY2), np.uint8)


def _rgbx(picture: Image) -> Image:
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGBA), np.uint8)


@pytest.mark.parametrize(
    ("pixels", "made"), [("NV12", _nv12), ("YUY2", _yuy2), ("RGBx", _rgbx), ("I420", _i420)]
)
@pytest.mark.parametrize("more", [0, 64], ids=["tight rows", "longer rows"])
def test_pixels_become_bgr(pixels: str, made: object, more: int) -> None:
    colors = patches()
    height, width = colors.shape[:2]
    assert callable(made)
    rows: Image = made(colors)
    rows = rows.reshape(rows.shape[0], -1)
    if pixels == "I420":  # each colour plane has rows of half the length
        luma, chroma = rows[:height], rows[height:].reshape(-1, width // 2)
        parts = [np.pad(luma, ((0, 0), (0, more))), np.pad(chroma, ((0, 0), (0, more // 2)))]
        data = b"".join(part.tobytes() for part in parts)
    else:
        data = np.pad(rows, ((0, 0), (0, more))).tobytes()
    video = VideoFormat(pixels, width, height, 30)
    got = to_bgr(data, video, rows.shape[1] + more)
    assert got is not None
    assert np.abs(middles(got).astype(int) - middles(colors)).max() <= 3
    assert to_bgr(data[:-1], video, rows.shape[1] + more) is None


def test_a_broken_jpeg_is_no_picture() -> None:
    video = VideoFormat(MJPG, 192, 128, 30)
    data = cv2.imencode(".jpg", patches())[1].tobytes()
    got = to_bgr(data, video, 0)
    assert got is not None
    assert got.shape == (128, 192, 3)
    assert to_bgr(data[:9], video, 0) is None
    assert to_bgr(data, VideoFormat(MJPG, 640, 360, 30), 0) is None


def test_a_camera_of_the_kernel_is_not_listed_twice() -> None:
    kernel = Node("v4l2_input.usb", "HD Webcam", "30", "/dev/video0")
    again = Node("libcamera_input.usb", "HD Webcam", "31")
    hidden = Node("v4l2_input.other", "Not ours", "32", "/dev/video7")
    built_in = Node("libcamera_input.ipu6", "Built-in", "33")
    nodes = [kernel, again, hidden, built_in]
    assert without_doubles(nodes, {"/dev/video0": "HD Webcam"}) == [hidden, built_in]


def test_doctor_says_whether_pipewire_is_there() -> None:
    loopback = Device("/dev/video10", "bgblur", "virtual camera")
    offers = "offers the camera bgblur"
    assert offers in check_pipewire(["auto"], [], None).detail
    assert offers in check_pipewire(["pipewire"], [loopback], None).detail
    assert offers not in check_pipewire(["auto"], [loopback], None).detail
    assert check_pipewire(["auto"], [], GONE).status == "ok"
    check = check_pipewire(["pipewire"], [], GONE)
    assert (check.status, check.exit_code) == ("fail", 4)
    assert check.fix == "systemctl --user start pipewire"
