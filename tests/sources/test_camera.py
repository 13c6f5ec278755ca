from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path

import cv2
import pytest

from bgblur.errors import CameraBusyError, CameraError
from bgblur.sources.camera import (
    CameraSource,
    _quiet,
    describe_difference,
)
from bgblur.sources.fourcc import choose_fourcc, fourcc_name

on_linux = pytest.mark.skipif(platform.system() != "Linux", reason="devices are files on Linux")


def refusal(device: str, kind: type[CameraError] = CameraError) -> str:
    with pytest.raises(kind) as caught:
        CameraSource(device, 640, 480, 30)
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize(
    ("width", "height", "fps", "fourcc"),
    [
        (640, 480, 30, "YUYV"),
        (640, 480, 60, "MJPG"),
        (1280, 720, 10, "YUYV"),
        (1280, 720, 30, "MJPG"),
        (1920, 1080, 30, "MJPG"),
        (320, 180, 60, "YUYV"),
    ],
)
def test_the_format_fits_the_bandwidth(width: int, height: int, fps: float, fourcc: str) -> None:
    assert choose_fourcc(width, height, fps, {}) == fourcc


@pytest.mark.parametrize(
    ("rates", "fourcc"),
    [
        ({"YUYV": 10.0}, "MJPG"),
        ({"YUYV": 29.97}, "YUYV"),
        ({"YUYV": 30.0, "NV12": 60.0}, "NV12"),
        ({"UYVY": 30.0, "NV12": 24.0}, "UYVY"),
    ],
)
def test_what_need_not_be_decompressed_comes_first(rates: dict[str, float], fourcc: str) -> None:
    assert choose_fourcc(1280, 720, 30, rates) == fourcc


def test_a_difference_from_the_request_is_reported() -> None:
    asked = (1280, 720, 30.0, "MJPG")
    assert describe_difference(asked, asked) is None
    assert describe_difference(asked, (1280, 720, 29.97, "MJPG")) is None
    assert (
        describe_difference(asked, (640, 480, 15.0, "YUYV"))
        == "asked for 1280x720 at 30 fps, MJPG; the camera gives 640x480 at 15 fps, YUYV"
    )
    for other in (
        (1280, 800, 30.0, "MJPG"),
        (1280, 720, 15.0, "MJPG"),
        (1280, 720, 30.0, "YUYV"),
    ):
        assert describe_difference(asked, other) is not None


@pytest.mark.parametrize("name", ["MJPG", "YUYV", "NV12"])
def test_fourcc_round_trip(name: str) -> None:
    assert fourcc_name(cv2.VideoWriter.fourcc(*name)) == name


@pytest.mark.parametrize("code", [0, -1])
def test_a_driver_that_does_not_say(code: int) -> None:
    assert fourcc_name(code) == "?"


@on_linux
@pytest.mark.parametrize(
    ("device", "path"),
    [
        ("63", "/dev/video63"),
        ("/dev/camera", "/dev/camera"),
        ("/dev/v4l/by-id/usb-none-video-index0", "/dev/v4l/by-id/usb-none-video-index0"),
    ],
)
def test_no_such_camera(device: str, path: str) -> None:
    message = refusal(device)
    assert message.startswith(f"there is no camera {path}")
    assert "bgblur-cam devices" in message
    assert "--device demo" in message


def test_no_camera_of_that_name() -> None:
    message = refusal("A Camera That Nobody Has")
    assert message.startswith('there is no camera "A Camera That Nobody Has" (this machine has ')


@on_linux
def test_a_busy_camera_names_the_program_that_uses_it(tmp_path: Path) -> None:
    node, link = tmp_path / "video0", tmp_path / "by-id"
    node.touch()
    link.symlink_to(node)
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=node.open("w")) as cat:
        try:
            for device in (node, link):
                message = refusal(str(device), CameraBusyError)
                assert f"in use by cat ({cat.pid}), close that one" in message
        finally:
            cat.communicate()
    assert "another program may be using it" in refusal(str(node), CameraBusyError)


@on_linux
@pytest.mark.skipif(getattr(os, "getuid", int)() == 0, reason="root may open everything")
def test_no_permission(tmp_path: Path) -> None:
    node = tmp_path / "video0"
    node.touch(mode=0)
    message = refusal(str(node))
    assert f"no permission to open {node}" in message
    assert "usermod -aG video" in message


@on_linux
def test_a_device_that_is_not_a_camera(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    node = tmp_path / "video0"
    node.write_text("a text")
    assert refusal(str(node)).startswith(f"the camera {node} gives no picture")
    assert "Is a directory" in refusal(str(tmp_path))
    printed = capfd.readouterr()  # OpenCV's own warnings bypass sys.stderr
    assert printed.out + printed.err == ""


@on_linux
@pytest.mark.parametrize(
    ("names", "refused"),
    [
        (("bgblur", "v4l2 loopback"), True),
        (("OBS Virtual Camera", "v4l2 loopback"), False),
        (("bgblur", "uvcvideo"), False),
    ],
)
def test_bgblurs_own_virtual_camera_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, names: tuple[str, str], refused: bool
) -> None:
    node = tmp_path / "video0"
    node.touch()
    monkeypatch.setattr("bgblur.sources.camera.read_names", lambda _: names)
    message = refusal(str(node))
    assert message.startswith(f"{node} is bgblur's own virtual camera") == refused
    assert ("`bgblur-cam devices`" in message) == refused


@on_linux
def test_opencvs_warnings_are_silenced_and_then_restored(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    before = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_WARNING)
    try:
        with _quiet():
            cv2.VideoCapture(str(tmp_path / "none"), cv2.CAP_V4L2)
        assert capfd.readouterr().err == ""
        assert cv2.utils.logging.getLogLevel() == cv2.utils.logging.LOG_LEVEL_WARNING
        cv2.VideoCapture(str(tmp_path / "none"), cv2.CAP_V4L2)
        assert "WARN" in capfd.readouterr().err  # so there was something to silence
    finally:
        cv2.utils.logging.setLogLevel(before)
