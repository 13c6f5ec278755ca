from __future__ import annotations

import getpass
import grp
import os
import platform
from pathlib import Path

import pytest
from support.machine_tree import machine, node

from bgblur.config.settings import CameraSettings
from bgblur.daemon.status import StatusFile
from bgblur.devices.controls import Control
from bgblur.devices.listing import Device
from bgblur.devices.v4l2 import Format, Size
from bgblur.machine.checks import Check
from bgblur.machine.checks.cameras import (
    check_cameras,
    check_controls,
    check_holders,
    check_permissions,
    summary,
)

pytestmark = pytest.mark.skipif(platform.system() != "Linux", reason="devices are files on Linux")

FORMATS = [
    Format("YUYV", "YUYV 4:2:2", [Size(640, 480, [30.0, 15.0]), Size(1280, 720, [10.0])]),
    Format("MJPG", "Motion-JPEG", [Size(1920, 1080, [29.97])]),
    Format("GREY", "8-bit Greyscale", [Size(640, 360)]),
]
WEBCAM = Device("/dev/video63", "HD Webcam", "camera", captures=True, formats=FORMATS)
LOCKED = Device("/dev/video64", "Locked", "camera", problem="Permission denied")
VIRTUAL = Device("/dev/video65", "bgblur", "virtual camera", outputs=True)


def test_a_camera_is_described_by_its_largest_sizes() -> None:
    text = "YUYV to 1280x720 at 10 fps, MJPG to 1920x1080 at 29.97 fps, GREY to 640x360"
    assert summary(FORMATS) == text
    same = [Format(f"YUY{i}", "", [Size(640, 480, [30.0])]) for i in range(5)]
    assert summary(same[:2]) == "YUY0/YUY1 to 640x480 at 30 fps"
    assert summary(same) == "YUY0/YUY1/YUY2 and 2 more to 640x480 at 30 fps"
    assert summary([]) == summary([Format("MJPG", "", [])]) == "it reports no formats"


def test_one_line_per_camera() -> None:
    webcam, locked, chosen = check_cameras([WEBCAM, LOCKED, VIRTUAL], "demo")
    assert webcam.status == "ok"
    assert "HD Webcam (/dev/video63): YUYV to 1280x720" in webcam.detail
    assert locked.status == "warn"
    assert "Permission denied" in locked.detail
    assert chosen.status == "ok"


@pytest.mark.parametrize("wanted", ["0", "HD Webcam", "/dev/video0"])
def test_no_camera_at_all(wanted: str) -> None:
    (check,) = check_cameras([VIRTUAL], wanted)
    assert (check.status, check.exit_code) == ("fail", 3)
    assert "--device demo" in str(check.fix)


@pytest.mark.parametrize("wanted", ["demo", "clip.mp4"])
def test_an_input_without_a_camera_needs_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wanted: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "clip.mp4").touch()
    (check,) = check_cameras([], wanted)
    assert check.status == "ok"


@pytest.mark.parametrize("wanted", ["63", "A Camera That Nobody Has"])
def test_the_chosen_camera_is_gone(wanted: str) -> None:
    check = check_cameras([WEBCAM], wanted)[-1]
    assert (check.status, check.exit_code) == ("fail", 3)
    assert wanted in check.detail
    assert check.fix == "bgblur-cam config set camera.device 'HD Webcam'"


def test_the_chosen_camera_is_there(tmp_path: Path) -> None:
    (tmp_path / "video0").touch()
    (tmp_path / "by-id").symlink_to(tmp_path / "video0")
    # Without an ending that a clip would have, and no file as is_file_name knows it: a device.
    (tmp_path / "video1").symlink_to("/dev/null")
    null = Device("/dev/null", "Null", "camera", captures=True)
    check = check_cameras([WEBCAM, null], str(tmp_path / "video1"))[-1]
    assert check.status == "ok"
    assert "Null (/dev/null)" in check.detail
    virtual = Device("/dev/null", "bgblur", "virtual camera", captures=True)
    assert check_cameras([WEBCAM, virtual], "/dev/null")[-1].status == "warn"


def test_only_a_virtual_camera_is_found() -> None:
    virtual = Device("/dev/null", "OBS Virtual Camera", "virtual camera", captures=True)
    (check,) = check_cameras([virtual], "/dev/null")
    assert check.status == "warn"
    assert "OBS Virtual Camera (/dev/null) is itself a virtual camera" in check.detail
    assert "plug one in" in str(check.fix)


def test_who_has_a_camera_open(tmp_path: Path) -> None:
    ours = os.getpid() + 1  # any number that is not this process's
    system = machine(tmp_path)
    for pid, name in ((4711, "zoom"), (ours, "python3")):
        fd = system.path(f"/proc/{pid}/fd")
        fd.mkdir(parents=True)
        (fd / "9").symlink_to("/dev/video63")
        system.path(f"/proc/{pid}/comm").write_text(f"{name}\n")
    status = StatusFile()
    running = status._path.with_name(f"{ours}.json")
    running.parent.mkdir(parents=True)
    running.write_text("{}")
    try:
        checks = {check.status: check for check in check_holders([WEBCAM, VIRTUAL], system)}
    finally:
        running.unlink()
    assert "zoom (4711) has it open" in checks["warn"].detail
    assert "bgblur-cam" in checks["ok"].detail
    assert len(checks) == 2


def test_devices_that_may_be_opened(tmp_path: Path) -> None:
    assert "no /dev/videoN" in check_permissions(machine(tmp_path)).detail
    system = machine(tmp_path, node(0, "a"), node(1, "b"))
    check = check_permissions(system)
    assert check.status == "ok"
    assert "all 2" in check.detail


def closed(tmp_path: Path, group: int) -> Path:
    path = machine(tmp_path, node(0, "a")).path("/dev/video0")
    os.chown(path, -1, group)
    return path


@pytest.mark.skipif(os.getuid() != 0, reason="only root gives files away")
def test_devices_that_may_not_be_opened(tmp_path: Path) -> None:
    video = grp.getgrnam("video").gr_gid
    system = machine(tmp_path, node(1, "b"))
    closed(tmp_path, video)
    check = check_permissions(system, lambda path: path.name != "video0", [])
    assert (check.status, check.exit_code) == ("fail", 3)
    assert check.detail == "no permission to open /dev/video0"
    assert check.fix == f"sudo usermod -aG video {getpass.getuser()}, then log in again"
    closed(tmp_path, 54321)  # a container need not know its name
    check = check_permissions(system, lambda path: path.name != "video0", [])
    assert check.fix == "join the group with the number 54321, then log in again"
    closed(tmp_path, 0)
    check = check_permissions(system, lambda path: path.name != "video0", [])
    assert check.fix == "sudo chgrp video /dev/video0"


def test_a_clip_that_is_not_there() -> None:
    (check,) = check_cameras([], "missing.mp4")
    assert check.status == "fail"
    assert "there is no clip missing.mp4" in check.detail
    assert check.exit_code == 3


def test_controls_that_the_camera_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    gain = Control(1, "gain", "gain", "number", 0, 255, 1, 64)
    monkeypatch.setattr("bgblur.machine.checks.cameras.controls_of", lambda _: [gain])

    def checked(device: str, **wanted: int) -> Check | None:
        return check_controls(CameraSettings.model_validate({"device": device, "controls": wanted}))

    assert checked("0") is None
    assert checked("demo", gain=300) is None
    good, bad = checked("0", gain=3), checked("0", gain=300, gian=1)
    assert good is not None
    assert good.status == "ok"
    assert bad is not None
    assert bad.status == "warn"
    assert bad.detail == (
        "camera.controls.gain is 300: this camera takes 0 to 255; "
        'camera.controls.gian is no control of this camera: did you mean "gain"?'
    )
    assert bad.fix == "bgblur-cam devices --controls"
