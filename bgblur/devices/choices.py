"""The cameras among which the tray and the preview page let people choose."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from bgblur.addresses import shown
from bgblur.devices.listing import Device, find_camera
from bgblur.errors import CameraError


@dataclass(frozen=True)
class CameraChoice:
    """``device`` is what ``camera.device`` takes; ``text`` never shows a password. ``found`` is
    false for a configured device that is no camera of this machine."""

    text: str
    device: str
    chosen: bool
    found: bool = True


def camera_choices(current: str, devices: Iterable[Device]) -> list[CameraChoice]:
    """The cameras of ``devices``; before them ``current``, the configured device, if it is none of
    them, such as a clip."""
    found = [d for d in devices if d.kind == "camera" and (d.captures or d.problem)]
    used = _used(current, found)
    names = Counter(device.name for device in found)
    choices = [
        CameraChoice(
            device.name if names[device.name] == 1 else str(device), device.path, device == used
        )
        for device in found
    ]
    if used is None:
        text = f"Camera {current} (not found)" if current.isdecimal() else shown(current)
        choices.insert(0, CameraChoice(text, current, chosen=True, found=False))
    return choices


def _used(current: str, found: list[Device]) -> Device | None:
    """The one that ``camera.device`` means: an index, a path, a link to one, or a name."""
    paths = {current, f"/dev/video{current}", os.path.realpath(current)}
    for device in found:
        if device.path in paths:
            return device
    try:
        return find_camera(current, found)
    except CameraError:
        return None
