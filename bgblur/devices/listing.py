"""Lists cameras and virtual cameras, finds one by name, and finds the programs that use it."""

from __future__ import annotations

import contextlib
import os
import platform
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from bgblur.devices.v4l2 import Format, Size, read_node
from bgblur.errors import CameraError, CameraGoneError

LABEL = "bgblur"  # label of our virtual camera, set by `bgblur-cam setup`
_NODES = Path("/sys/class/video4linux")


@dataclass(frozen=True)
class Device:
    """``kind`` is "camera" or "virtual camera"; ``path`` is what ``--device`` takes.

    ``captures`` and ``outputs`` are its present capabilities: a loopback device with
    exclusive_caps=1 captures only while a program writes to it. ``driver`` is "pipewire" for a
    camera that PipeWire alone offers.
    """

    path: str
    name: str
    kind: str
    driver: str = ""
    bus: str = ""
    captures: bool = False
    outputs: bool = False
    formats: list[Format] = field(default_factory=list)
    problem: str | None = None

    def __str__(self) -> str:
        return f"{self.name} ({self.path})"

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def list_devices() -> list[Device]:
    """Every camera and virtual camera; ``problem`` says why one cannot be opened."""
    if platform.system() == "Linux":
        return [*_all_v4l2(), *_pipewire()]
    return _probed()


def list_v4l2() -> list[Device]:
    """Those that OpenCV can open, on Linux; elsewhere all."""
    return _all_v4l2() if platform.system() == "Linux" else _probed()


def _all_v4l2() -> list[Device]:
    return [device for path in video_nodes() if (device := _v4l2(path)) is not None]


def _pipewire() -> list[Device]:
    """PipeWire's cameras without bgblur's own, and without those that V4L2 has as well."""
    from bgblur.devices.pipewire.nodes import camera_nodes, is_own, without_doubles

    try:
        nodes = without_doubles(camera_nodes(), _kernel_names())
    except OSError:  # `bgblur-cam doctor` says why
        return []
    once = {node.name: node for node in reversed(nodes) if not is_own(node)}
    return [
        Device(f"pipewire:{node.name}", node.description, "camera", "pipewire", captures=True)
        for node in reversed(once.values())
    ]


def _kernel_names() -> dict[str, str]:
    return {str(path): node_name(str(path)) or path.name for path in video_nodes()}


def video_nodes(folder: Path = Path("/dev")) -> list[Path]:
    """All ``/dev/videoN``, sorted by number."""
    numbered = [p for p in folder.glob("video*") if p.name.removeprefix("video").isdecimal()]
    return sorted(numbered, key=lambda path: int(path.name.removeprefix("video")))


def find_camera(name: str, devices: Iterable[Device] | None = None) -> Device:
    """Find a camera by its full name, or by a part of its name; case is ignored.

    A camera with several nodes counts once, by the first that captures. A virtual camera matches
    only if no real one does. Raises CameraError, listing the cameras, unless exactly one matches.
    """
    wanted = name.casefold()
    able = [d for d in (list_v4l2() if devices is None else devices) if d.captures or d.problem]
    rules: list[Callable[[Device], bool]] = [
        lambda device: device.name == name,
        lambda device: device.name.casefold() == wanted,
        lambda device: wanted in device.name.casefold(),
    ]
    for fits in rules:
        for kind in ("camera", "virtual camera"):
            found = _one_a_camera(d for d in able if d.kind == kind and fits(d))
            if len(found) == 1:
                return found[0]
            if found:
                raise CameraError(
                    f'the camera name "{name}" matches {_listed(found, "and")}: '
                    "give a full name or a path"
                )
    cameras = _one_a_camera(d for d in able if d.kind == "camera")
    there = f"this machine has {_listed(cameras, 'and')}" if cameras else "this machine has none"
    raise CameraGoneError(f'there is no camera "{name}" ({there}): give an index, a path or "demo"')


def _one_a_camera(devices: Iterable[Device]) -> list[Device]:
    """The first node of each camera: a UVC camera may have one for colour and one for infrared."""
    first: dict[str, Device] = {}
    for device in devices:
        first.setdefault(device.bus or device.path, device)
    return list(first.values())


def _listed(devices: list[Device], last: str) -> str:
    *most, end = [str(device) for device in devices]
    return f"{', '.join(most)} {last} {end}" if most else end


@dataclass(frozen=True)
class Holder:
    """A process that has a device open."""

    pid: int
    name: str

    def __str__(self) -> str:
        return f"{self.name} ({self.pid})"


def holders(node: str, proc: Path = Path("/proc")) -> list[Holder]:
    """Other processes that have this device open. Without root: only those of this user."""
    target = os.path.realpath(node)
    found = []
    for process in proc.glob("[0-9]*"):
        if int(process.name) == os.getpid():
            continue
        with contextlib.suppress(OSError):  # no permission, or the process has ended
            if any(str(link.readlink()) == target for link in (process / "fd").iterdir()):
                name = (process / "comm").read_text(encoding="utf-8", errors="replace").strip()
                found.append(Holder(int(process.name), name))
    return sorted(found, key=lambda holder: holder.pid)


def _v4l2(path: Path) -> Device | None:
    try:
        node = read_node(path)
    except OSError as error:
        return _closed(path, error.strerror or type(error).__name__)
    # With exclusive_caps=1 a loopback device is an output until a program writes to it.
    virtual = "loopback" in node.driver or node.outputs
    if not virtual and not node.captures:
        return None  # metadata nodes of UVC cameras
    return Device(
        str(path),
        node.name,
        "virtual camera" if virtual else "camera",
        node.driver,
        node.bus,
        node.captures,
        node.outputs,
        [] if virtual else node.formats,
    )


def _closed(path: Path, problem: str) -> Device:
    """A device that cannot be opened, described from sysfs."""
    virtual = "/devices/virtual/" in os.path.realpath(_NODES / path.name)
    kind = "virtual camera" if virtual else "camera"
    return Device(str(path), node_name(str(path)) or path.name, kind, problem=problem)


def node_name(device: str, nodes: Path = _NODES) -> str | None:
    """The kernel's present name of this path or index, read without opening the device.

    None if there is no such device, or the system has no sysfs.
    """
    node = f"/dev/video{device}" if device.isdecimal() else os.path.realpath(device)
    entry = nodes / Path(node).name / "name"
    try:
        return entry.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return None


def _probed() -> list[Device]:
    """Outside Linux OpenCV lists no cameras: try the first six indices."""
    import cv2

    found = []
    for index in range(6):
        capture = cv2.VideoCapture(index)
        if capture.isOpened():
            width = int(capture.get(cv2.CAP_PROP_FRAME_WIDTH))
            height = int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT))
            shape = Format("", "as it opens", [Size(width, height)])
            name = f"camera {index}"
            found.append(Device(str(index), name, "camera", captures=True, formats=[shape]))
        capture.release()
    return found
