"""Checks of cameras: formats, permissions, and the programs that have them open."""

from __future__ import annotations

import getpass
import os
from collections.abc import Callable, Collection
from pathlib import Path

from bgblur.addresses import is_address
from bgblur.config.settings import CameraSettings
from bgblur.daemon.status import folder as status_folder
from bgblur.devices.controls import controls_of, plan
from bgblur.devices.listing import Device, holders, video_nodes
from bgblur.devices.pipewire.nodes import find_node, is_pipewire
from bgblur.devices.v4l2 import Format
from bgblur.errors import CameraError
from bgblur.files import user_path
from bgblur.machine.checks import Check
from bgblur.machine.system import System
from bgblur.pipeline.build import is_file_name, open_source
from bgblur.sources.camera import check_device, resolve

_CODES_SHOWN = 3
_PLUG_IN = "plug one in; bgblur-cam --device demo needs no camera"


def check_cameras(devices: list[Device], wanted: str) -> list[Check]:
    """One check for each camera, and one for the camera of the configuration."""
    cameras = [device for device in devices if device.kind == "camera"]
    checks = [
        Check("warn", "camera", f"{camera}: {camera.problem}")
        if camera.problem
        else Check("ok", "camera", f"{camera}: {_offers(camera)}")
        for camera in cameras
    ]
    if is_address(wanted):
        return [*checks, _check_address(wanted)]
    if is_pipewire(wanted):
        return [*checks, _check_node(wanted)]
    if is_file_name(wanted) and not user_path(wanted).is_file():
        detail, fix = f"there is no clip {wanted}", "bgblur-cam config set camera.device CLIP"
        return [*checks, Check("fail", "chosen camera", detail, fix, 3)]
    if wanted == "demo" or is_file_name(wanted):
        return [*checks, Check("ok", "chosen camera", f"camera.device is {wanted}")]
    if not devices:
        return [Check("fail", "camera", "no camera found", _PLUG_IN, 3)]
    fix = f"bgblur-cam config set camera.device '{_lasting(cameras[0])}'" if cameras else _PLUG_IN
    return [*checks, _check_wanted(devices, wanted, fix)]


def _check_address(address: str) -> Check:
    try:
        camera = open_source(CameraSettings(device=address))
    except CameraError as error:
        fix = "bgblur-cam config set camera.device ADDRESS"
        return Check("fail", "chosen camera", str(error), fix, error.exit_code)
    camera.close()
    detail = f"{camera.name} gives {camera.width}x{camera.height} at {camera.fps:g} fps"
    return Check("ok", "chosen camera", detail)


def check_controls(camera: CameraSettings) -> Check | None:
    """Whether the camera has what [camera.controls] sets; None where nothing is to be said."""
    device = camera.device
    elsewhere = is_address(device) or is_pipewire(device) or is_file_name(device)
    if not camera.controls or device == "demo" or elsewhere:
        return None
    try:
        node = resolve(device)
    except CameraError:  # reported as the chosen camera
        return None
    values, problems = plan(camera.controls, controls_of(node))
    if problems:
        return Check("warn", "controls", "; ".join(problems), "bgblur-cam devices --controls")
    return Check("ok", "controls", f"the camera has all {len(values)} of camera.controls")


def _check_node(wanted: str) -> Check:
    try:
        node = find_node(wanted)
    except CameraError as error:
        fix = "bgblur-cam devices, then bgblur-cam config set camera.device pipewire:NAME"
        return Check("fail", "chosen camera", str(error), fix, error.exit_code)
    return Check("ok", "chosen camera", f"camera.device {wanted} is {node}")


def _lasting(camera: Device) -> str:
    """What names it whatever is plugged in next."""
    return camera.path if camera.driver == "pipewire" else camera.name


def _offers(camera: Device) -> str:
    return "through PipeWire" if camera.driver == "pipewire" else summary(camera.formats)


def _check_wanted(devices: list[Device], wanted: str, fix: str) -> Check:
    try:
        node = resolve(wanted)
        check_device(wanted, node)
    except CameraError as error:
        return Check("fail", "chosen camera", str(error), fix, error.exit_code)
    real = os.path.realpath(node)
    device = next((device for device in devices if device.path == real), None)
    if device is not None and device.kind != "camera":
        return Check("warn", "chosen camera", f"{device} is itself a virtual camera", fix)
    return Check("ok", "chosen camera", f"camera.device {wanted} is {device or node}")


def summary(formats: list[Format]) -> str:
    """The largest size of each format: "MJPG to 1920x1080 at 30 fps, YUYV to 640x480 at 30"."""
    reaches: dict[str, list[str]] = {}
    for shape in formats:
        size = max(shape.sizes, key=lambda size: size.width * size.height, default=None)
        if size is not None:
            rate = f" at {size.rates[0]:g} fps" if size.rates else ""
            reach = f"to {size.width}x{size.height}{rate}"
            reaches.setdefault(reach, []).append(shape.fourcc)
    parts = (f"{_first(codes)} {reach}".strip() for reach, codes in reaches.items())
    return ", ".join(parts) or "it reports no formats"


def _first(codes: list[str]) -> str:
    more = len(codes) - _CODES_SHOWN
    return "/".join(codes[:_CODES_SHOWN]) + (f" and {more} more" if more > 0 else "")


def check_holders(devices: list[Device], system: System) -> list[Check]:
    """One check for each camera that a program has open."""
    daemons = {int(file.stem) for file in status_folder().glob("*.json")}
    checks = []
    for camera in devices:
        if camera.kind != "camera":
            continue
        for holder in holders(camera.path, system.path("/proc")):
            if holder.pid in daemons:
                detail = f"{camera}: bgblur-cam ({holder.pid}) uses it"
                checks.append(Check("ok", "in use", detail))
            else:
                fix = f"close {holder.name}, or choose the virtual camera in it"
                detail = f"{camera}: {holder} has it open"
                checks.append(Check("warn", "in use", detail, fix))
    return checks


def check_permissions(
    system: System,
    may_open: Callable[[Path], bool] = lambda path: os.access(path, os.R_OK | os.W_OK),
    groups: Collection[int] | None = None,
) -> Check:
    """``groups`` are the group numbers of this session, by default of this process."""
    nodes = video_nodes(system.path("/dev"))
    closed = [path for path in nodes if not may_open(path)]
    if not nodes:
        return Check("ok", "permissions", "no /dev/videoN to open")
    if not closed:
        return Check("ok", "permissions", f"all {len(nodes)} video devices can be opened")
    names = " ".join(f"/dev/{path.name}" for path in closed)
    fix = _permit(closed[0].stat().st_gid, names, os.getgroups() if groups is None else groups)
    return Check("fail", "permissions", f"no permission to open {names}", fix, 3)


def _permit(owner: int, names: str, session: Collection[int]) -> str:
    import grp  # Windows has none

    if owner == 0:  # users should not join root's group
        return f"sudo chgrp video {names}"
    try:
        group, user = grp.getgrgid(owner), getpass.getuser()
    except (KeyError, OSError):  # in containers a group may have no name
        return f"join the group with the number {owner}, then log in again"
    if user in group.gr_mem and owner not in session:
        return f"log out and in again: you have joined the group {group.gr_name} since"
    return f"sudo usermod -aG {group.gr_name} {user}, then log in again"
