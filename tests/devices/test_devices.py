from __future__ import annotations

import json
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from bgblur.devices.listing import (
    Device,
    Holder,
    _v4l2,
    find_camera,
    holders,
    list_devices,
    node_name,
    video_nodes,
)
from bgblur.devices.v4l2 import Format, Size, Steps
from bgblur.errors import CameraError

on_linux = pytest.mark.skipif(platform.system() != "Linux", reason="devices are files on Linux")


def camera(number: int, name: str, bus: str = "", problem: str | None = None) -> Device:
    return Device(
        f"/dev/video{number}", name, "camera", "uvcvideo", bus, problem is None, False, [], problem
    )


def loopback(number: int, name: str, captures: bool) -> Device:
    bus = f"platform:v4l2loopback-{number:03}"
    return Device(
        f"/dev/video{number}", name, "virtual camera", "v4l2 loopback", bus, captures, not captures
    )


COLOUR = camera(0, "Integrated Camera: Integrated C", "usb-1")
INFRARED = camera(2, "Integrated Camera: Integrated I", "usb-1")
PRO = camera(4, "HD Pro Webcam C920", "usb-2")
PLAIN = camera(6, "HD Pro Webcam", "usb-3")
OBS = loopback(10, "OBS Virtual Camera", captures=True)
IDLE = loopback(20, "bgblur", captures=False)
ALL = [COLOUR, INFRARED, PRO, PLAIN, OBS, IDLE]


def refusal(name: str, devices: list[Device]) -> str:
    with pytest.raises(CameraError) as caught:
        find_camera(name, devices)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# ------------------------------------------------------------ the list


def test_the_devices_of_this_machine_can_be_printed() -> None:
    for device in list_devices():
        assert device.kind in ("camera", "virtual camera")
        assert device.path
        assert json.loads(json.dumps(device.as_dict())) == device.as_dict()


@on_linux
def test_every_node_is_named_once_in_order() -> None:
    numbers = [int(device.path.removeprefix("/dev/video")) for device in list_devices()]
    assert numbers == sorted(set(numbers))


def test_nodes_are_sorted_by_number(tmp_path: Path) -> None:
    for name in ("video10", "video2", "video", "videofoo", "vbi0"):
        (tmp_path / name).touch()
    assert [path.name for path in video_nodes(tmp_path)] == ["video2", "video10"]


@on_linux
def test_a_device_that_cannot_be_opened_says_why(tmp_path: Path) -> None:
    node = tmp_path / "video0"
    node.write_text("no device")
    device = _v4l2(node)
    assert device is not None
    assert (device.path, device.kind) == (str(node), "camera")
    assert device.problem == "Inappropriate ioctl for device"


@pytest.mark.parametrize("device", ["2", "/dev/video2", "by-id"])
def test_the_kernel_names_a_camera_without_opening_it(
    device: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "by-id").symlink_to("/dev/video2")
    assert node_name(device, tmp_path / "nodes") is None
    entry = tmp_path / "nodes" / "video2"
    entry.mkdir(parents=True)
    (entry / "name").write_text("HD Cam: HD Cam\n")
    assert node_name(device, tmp_path / "nodes") == "HD Cam: HD Cam"
    assert node_name("HD Cam", tmp_path / "nodes") is None


def test_as_dict_has_every_format_with_its_sizes_and_rates() -> None:
    sizes = [Size(1280, 720, [30.0, 15.0]), Size(640, 480, [60, 1], True, Steps(2, 2, 2, 2))]
    device = Device("/dev/video0", "Cam", "camera", formats=[Format("MJPG", "Motion-JPEG", sizes)])
    shown = device.as_dict()
    assert json.loads(json.dumps(shown)) == shown
    assert shown.keys() >= {"path", "name", "kind", "driver", "bus", "formats", "problem"}
    (shape,) = shown["formats"]
    assert shape["fourcc"] == "MJPG"
    assert shape["sizes"][0]["rates"] == [30.0, 15.0]
    assert shape["sizes"][0]["steps"] is None
    assert shape["sizes"][1]["steps"]["step_width"] == 2


# ------------------------------------------------------------ by name


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("HD Pro Webcam", PLAIN),  # exactly, though it is also a part of another's
        ("HD Pro Webcam C920", PRO),
        ("hd pro webcam", PLAIN),
        ("c920", PRO),
        ("integrated camera", COLOUR),  # one camera with two nodes: the first
        ("Integrated Camera: Integrated I", INFRARED),
        ("obs", OBS),
    ],
)
def test_a_name_finds_its_camera(name: str, found: Device) -> None:
    assert find_camera(name, ALL) is found
    assert find_camera(name, list(reversed(ALL))).bus == found.bus


def test_a_real_camera_goes_before_a_virtual_one() -> None:
    assert find_camera("obs", [OBS, camera(2, "Obsidian Cam", "usb-4")]).path == "/dev/video2"


def test_a_camera_keeps_its_name_under_another_number() -> None:
    assert find_camera("c920", [camera(8, PRO.name, "usb-7")]).path == "/dev/video8"


def test_a_camera_that_may_not_be_opened_is_found_too() -> None:
    locked = camera(0, "HD Pro Webcam C920", problem="Permission denied")
    assert find_camera("c920", [locked]) is locked


def test_a_name_that_fits_several_lists_them() -> None:
    message = refusal("webcam", ALL)
    assert "HD Pro Webcam C920 (/dev/video4) and HD Pro Webcam (/dev/video6)" in message
    assert "Integrated" not in message
    twins = [camera(0, "Twin", "usb-1"), camera(2, "Twin", "usb-2")]
    assert "Twin (/dev/video0) and Twin (/dev/video2)" in refusal("Twin", twins)


def test_a_name_that_fits_none_lists_the_cameras() -> None:
    message = refusal("Kinect", ALL)
    assert 'no camera "Kinect"' in message
    for device in (COLOUR, PRO, PLAIN):
        assert str(device) in message
    assert "OBS" not in message
    assert "this machine has none" in refusal("Kinect", [])
    assert "this machine has none" in refusal("bgblur", [IDLE])  # nobody writes to it


# ------------------------------------------------------------ who has it


@on_linux
def test_holders_of_an_open_file(tmp_path: Path) -> None:
    node, link = tmp_path / "video0", tmp_path / "by-id"
    node.touch()
    link.symlink_to(node)
    assert holders(str(node)) == []
    wait = "import sys; f = open(sys.argv[1]); print('open', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", wait, str(node)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        for name in (node, link):
            (holder,) = holders(str(name))
            assert holder.pid == child.pid
            assert holder.name.startswith("python")
        child.communicate()
    assert holders(str(node)) == []


@on_linux
def test_this_process_is_not_among_the_holders(tmp_path: Path) -> None:
    node = tmp_path / "video0"
    with node.open("w") as file:
        assert Path(f"/proc/self/fd/{file.fileno()}").readlink() == node
        assert holders(str(node)) == []


def test_holders_are_read_from_proc(tmp_path: Path) -> None:
    for pid, name, target in [(300, "zoom", "/dev/video0"), (20, "cheese", "/dev/video0")]:
        (tmp_path / str(pid) / "fd").mkdir(parents=True)
        (tmp_path / str(pid) / "fd" / "7").symlink_to(target)
        (tmp_path / str(pid) / "comm").write_text(f"{name}\n")
    (tmp_path / "400").mkdir()  # another user's: no fd to see
    assert holders("/dev/video0", tmp_path) == [Holder(20, "cheese"), Holder(300, "zoom")]
    assert holders("/dev/video1", tmp_path) == []
    assert str(Holder(20, "cheese")) == "cheese (20)"
