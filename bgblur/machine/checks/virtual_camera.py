"""Checks of the output: the loopback module, its devices, secure boot, and the portal."""

from __future__ import annotations

from bgblur.devices.listing import LABEL, Device
from bgblur.machine.checks import Check, Status
from bgblur.machine.loopback import (
    MODULE,
    RELOAD,
    Loopback,
    built_for_another_kernel,
    enrol_command,
    install_command,
    loses_device,
    on_demand_possible,
    secure_boot,
    upgrade_command,
)
from bgblur.machine.system import System

SETUP = "bgblur-cam setup"


def check_module(loopback: Loopback, system: System, needed: bool) -> Check:
    """``needed``: the configuration's output is a virtual camera."""
    missing: Status = "fail" if needed else "warn"
    if loopback.loaded is not None:
        detail = f"{MODULE} {loopback.loaded} is loaded"
        if loopback.available not in (None, loopback.loaded):
            detail += f", {loopback.available} is installed"
            return Check("warn", "loopback", detail, RELOAD)
        return Check("ok", "loopback", detail)
    if loopback.available is not None:
        detail = f"{MODULE} {loopback.available} is installed, but not loaded"
        return Check(missing, "loopback", detail, SETUP, 4)
    if built_for_another_kernel(system):
        detail = f"{MODULE} is installed, but not built for the running kernel {system.kernel}"
        fix = f"sudo apt install linux-headers-{system.kernel} && sudo dkms autoinstall"
        return Check(missing, "loopback", detail, fix, 4)
    fix = f"{install_command(system)}, then {SETUP}"
    return Check(missing, "loopback", f"{MODULE} is not installed", fix, 4)


def check_version(loopback: Loopback, system: System) -> Check | None:
    """None if the module is neither loaded nor installed."""
    version = loopback.loaded or loopback.available
    if version is None:
        return None
    if loses_device(version):
        detail = (
            f"{version} cannot rest the camera, and refuses a second writer after some programs "
            "other than bgblur"
        )
        fix = f"{upgrade_command(system)}; until then, if it happens: {RELOAD}"
        return Check("warn", "loopback version", detail, fix)
    if not on_demand_possible(version):
        detail = f"{version} does not report its readers: the camera stays on all the time"
        return Check("warn", "loopback version", detail, upgrade_command(system))
    return Check("ok", "loopback version", f"{version} can rest the camera while no program reads")


def check_nodes(devices: list[Device], loopback: Loopback) -> list[Check]:
    """One check for each loopback device, by its present capabilities."""
    paths = {node.path for node in loopback.nodes}
    return [
        _check_node(device, loopback.loaded or "")
        for device in devices
        if device.path in paths or "loopback" in device.driver
    ]


def _check_node(device: Device, version: str) -> Check:
    title = "virtual camera"
    if device.problem:
        return Check("fail", title, f"{device} cannot be opened: {device.problem}", None, 4)
    if device.captures and device.outputs:
        detail = f"{device} is loaded without exclusive_caps=1: Chrome does not list it"
        return Check("warn", title, detail, SETUP)
    if device.outputs:
        return Check("ok", title, f"{device} is free")
    if device.captures:
        return Check("ok", title, f"a program writes to {device}")
    old = "" if on_demand_possible(version) else ": v4l2loopback 0.12 fails after some writers"
    return Check("fail", title, f"{device} accepts no pictures any more{old}", RELOAD, 4)


def check_permanent(system: System) -> Check:
    """Whether the module is loaded after a restart, with the options that browsers need."""
    loads = any(MODULE in line.split() for line in _lines(system, "/etc/modules-load.d"))
    loads |= MODULE in (system.text("/etc/modules") or "").split()
    options = [line.split() for line in _lines(system, "/etc/modprobe.d")]
    exclusive = any(
        words[:2] == ["options", MODULE] and any(w.startswith("exclusive_caps=1") for w in words)
        for words in options
    )
    if loads and exclusive:
        return Check("ok", "after a restart", f"{MODULE} is loaded again, with exclusive_caps=1")
    lacks = "is not loaded again" if not loads else "lacks exclusive_caps=1"
    return Check("warn", "after a restart", f"{MODULE} {lacks}", SETUP)


def _lines(system: System, folder: str) -> list[str]:
    files = sorted(system.path(folder).glob("*.conf"))
    # A file that cannot be read may be a broken link, or readable by root alone.
    texts = (system.text(f"{folder}/{file.name}") or "" for file in files)
    return [line for text in texts for line in text.splitlines() if not line.startswith("#")]


def check_secure_boot(loopback: Loopback, system: System) -> Check:
    title = "secure boot"
    enforced = secure_boot(system)
    if not enforced:
        return Check("ok", title, "off" if enforced is False else "not available: no EFI variables")
    if loopback.loaded is not None:
        return Check("ok", title, f"on, and {MODULE} was accepted")
    if loopback.available is None:
        return Check("ok", title, f"on: {MODULE} must be signed")
    signer = system.answer("modinfo", "-k", system.kernel, "-F", "signer", MODULE)
    if signer:
        detail = f"on; {MODULE} is signed by {signer}: if the kernel refuses it, enrol that key"
        return Check("ok", title, detail, enrol_command(system))
    detail = f"on, and {MODULE} is not signed: the kernel will refuse it"
    return Check("warn", title, detail, enrol_command(system))


def check_portal(system: System, runtime: str | None) -> Check:
    """Firefox (on some distributions) and Flatpak apps open cameras through PipeWire and the
    desktop portal. ``runtime`` is XDG_RUNTIME_DIR."""
    title = "portal"
    if runtime is None or not system.path(f"{runtime}/pipewire-0").exists():
        return Check("ok", title, "no PipeWire in this session: apps open the device themselves")
    service = "/usr/share/dbus-1/services/org.freedesktop.portal.Desktop.service"
    if not system.path(service).exists():
        detail = "PipeWire runs without xdg-desktop-portal: Flatpak apps see no camera"
        return Check("warn", title, detail, "install xdg-desktop-portal and your desktop's backend")
    detail = (
        f'Firefox and Flatpak apps ask the portal: if "{LABEL}" is missing there, start '
        "bgblur-cam first, then restart WirePlumber; a refusal is kept until it is reset"
    )
    fix = "systemctl --user restart wireplumber; flatpak permission-reset APP"
    return Check("ok", title, detail, fix)
