"""``bgblur-cam doctor``: the checks, in order."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from pathlib import Path

from bgblur.config.settings import Settings
from bgblur.devices.listing import Device, list_devices
from bgblur.devices.pipewire.library import trouble
from bgblur.machine.checks import Check
from bgblur.machine.checks.cameras import (
    check_cameras,
    check_controls,
    check_holders,
    check_permissions,
)
from bgblur.machine.checks.engine import (
    check_model,
    check_processor,
    check_runtime,
    check_speed,
)
from bgblur.machine.checks.pipewire import check_pipewire, offers_camera
from bgblur.machine.checks.software import check_config, check_packages, check_python
from bgblur.machine.checks.virtual_camera import (
    check_module,
    check_nodes,
    check_permanent,
    check_portal,
    check_secure_boot,
    check_version,
)
from bgblur.machine.loopback import read_loopback
from bgblur.machine.system import System


def examine(config: Path, quick: bool = False) -> Iterator[Check]:
    """Yield the checks of this system one by one; ``quick`` skips those that run the network."""
    yield check_python()
    yield check_packages()
    checked, settings = check_config(config)
    yield checked
    system, devices = System(), list_devices()
    yield from check_cameras(devices, settings.camera.device)
    if platform.system() == "Linux":
        yield from on_linux(settings, system, devices)
    if not quick:
        runtime = check_runtime(settings.engine)
        yield runtime
        if runtime.status == "fail":
            return
        yield check_processor(settings.engine, system)
        model = check_model(settings.engine)
        yield model
        if model.status == "ok":
            yield check_speed(settings)


def on_linux(settings: Settings, system: System, devices: list[Device]) -> Iterator[Check]:
    """Checks of Linux alone: programs that use the cameras, permissions, v4l2loopback."""
    controls = check_controls(settings.camera)
    if controls is not None:
        yield controls
    yield from check_holders(devices, system)
    yield check_permissions(system)
    loopback = read_loopback(system)
    outputs = settings.output.names
    problem = trouble()
    by_pipewire = offers_camera(outputs, devices, problem)
    device = any(output.startswith("/dev/") for output in outputs)
    wanted = device or ("auto" in outputs and not by_pipewire)
    yield check_pipewire(outputs, devices, problem)
    yield check_module(loopback, system, wanted)
    version = check_version(loopback, system)
    if version is not None:
        yield version
        yield check_permanent(system)
    yield from check_nodes(devices, loopback)
    yield check_secure_boot(loopback, system)
    yield check_portal(system, os.environ.get("XDG_RUNTIME_DIR"))
