from __future__ import annotations

import json
import platform
from pathlib import Path

import pytest

from bgblur.devices import Device, _v4l2, list_devices

on_linux = pytest.mark.skipif(platform.system() != "Linux", reason="devices are files on Linux")


def test_what_this_machine_has_can_be_printed() -> None:
    for device in list_devices():
        assert device.kind in ("camera", "virtual camera")
        assert device.path
        assert json.loads(json.dumps(device.as_dict())) == device.as_dict()


@on_linux
def test_every_node_is_named_once_in_order() -> None:
    numbers = [int(device.path.removeprefix("/dev/video")) for device in list_devices()]
    assert numbers == sorted(set(numbers))


@on_linux
def test_what_cannot_be_opened_says_why(tmp_path: Path) -> None:
    node = tmp_path / "video0"
    node.write_text("no device")
    device = _v4l2(node)
    assert device == Device(str(node), "video0", "camera", [], "Inappropriate ioctl for device")


def test_as_dict_has_the_command_lines_keys() -> None:
    device = Device("/dev/video0", "HD Webcam", "camera", ["MJPG 1280x720 30"])
    assert device.as_dict() == {
        "path": "/dev/video0",
        "name": "HD Webcam",
        "kind": "camera",
        "formats": ["MJPG 1280x720 30"],
        "problem": None,
    }
