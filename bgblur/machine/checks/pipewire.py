"""The check of PipeWire: whether it can offer a camera."""

from __future__ import annotations

from bgblur.devices.listing import Device
from bgblur.machine.checks import Check, Status


def offers_camera(outputs: list[str], devices: list[Device], problem: str | None) -> bool:
    """Whether one of the outputs means PipeWire. ``problem`` is why PipeWire cannot be used."""
    loopback = any(device.kind == "virtual camera" for device in devices)
    return "pipewire" in outputs or ("auto" in outputs and problem is None and not loopback)


def check_pipewire(outputs: list[str], devices: list[Device], problem: str | None) -> Check:
    if problem is not None:
        what, _, fix = problem.partition(": ")
        status: Status = "fail" if "pipewire" in outputs else "ok"
        return Check(status, "pipewire", what, fix.strip("`") if status == "fail" else None, 4)
    if offers_camera(outputs, devices, problem):
        return Check("ok", "pipewire", "it runs, and offers the camera bgblur to its programs")
    detail = "it runs; --output pipewire offers a camera without a kernel module"
    return Check("ok", "pipewire", detail)
