"""What cameras and virtual cameras this machine has."""

from __future__ import annotations

import platform
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Device:
    """``kind`` is "camera" or "virtual camera"; ``formats`` are like "MJPG 1280x720 30"."""

    path: str
    name: str
    kind: str
    formats: list[str] = field(default_factory=list)
    problem: str | None = None

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def list_devices() -> list[Device]:
    """Every camera and virtual camera found; one that cannot be opened says why."""
    if platform.system() == "Linux":
        paths = Path("/dev").glob("video*")
        numbered = [p for p in paths if p.name.removeprefix("video").isdigit()]
        ordered = sorted(numbered, key=lambda p: int(p.name.removeprefix("video")))
        return [device for path in ordered if (device := _v4l2(path)) is not None]
    return _probed()


def _v4l2(path: Path) -> Device | None:
    from linuxpy.video import device as v4l2

    try:
        with v4l2.Device(str(path)) as device:
            info = device.info
            able = info.device_capabilities
            driver, name = info.driver, info.card
            formats = (
                [
                    f"{size.pixel_format.name} {size.width}x{size.height} {float(size.max_fps):g}"
                    for size in info.frame_sizes
                ]
                if v4l2.BufferType.VIDEO_CAPTURE in info.buffers
                else []
            )
    except OSError as error:
        return Device(str(path), path.name, "camera", problem=error.strerror)
    # With exclusive_caps a loopback device is an output until somebody writes to it.
    if "loopback" in driver or v4l2.Capability.VIDEO_OUTPUT in able:
        return Device(str(path), name, "virtual camera")
    if v4l2.Capability.VIDEO_CAPTURE not in able:
        return None  # metadata nodes of UVC cameras
    return Device(str(path), name, "camera", list(dict.fromkeys(formats)))


def _probed() -> list[Device]:
    """OpenCV names nothing outside Linux: try the first few indices."""
    import cv2

    found = []
    for index in range(6):
        capture = cv2.VideoCapture(index)
        if capture.isOpened():
            width = int(capture.get(cv2.CAP_PROP_FRAME_WIDTH))
            height = int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT))
            found.append(Device(str(index), f"camera {index}", "camera", [f"{width}x{height}"]))
        capture.release()
    return found
