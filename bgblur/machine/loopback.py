"""The kernel module v4l2loopback: is it installed, how is it loaded, how to install it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from bgblur.devices.listing import video_nodes
from bgblur.machine.system import System

MODULE = "v4l2loopback"
PROJECT = "https://github.com/v4l2loopback/v4l2loopback"
RELOAD = f"sudo modprobe -r {MODULE} && sudo modprobe {MODULE}"

_OLD = "0.12 or older"
_SYSFS = f"/sys/module/{MODULE}"
_SECURE_BOOT = "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
_SIGNING_KEYS = (  # of Ubuntu, Debian and Fedora
    "/var/lib/shim-signed/mok/MOK.der",
    "/var/lib/dkms/mok.pub",
    "/etc/pki/akmods/certs/public_key.der",
)


@dataclass(frozen=True)
class LoopbackNode:
    """``exclusive`` is exclusive_caps; None if the module does not report it."""

    path: str
    label: str
    exclusive: bool | None

    def __str__(self) -> str:
        return f"{self.label} ({self.path})"


@dataclass(frozen=True)
class Loopback:
    """``available`` is the version that modprobe would load, ``loaded`` the running one; None
    if there is no such version."""

    available: str | None
    loaded: str | None
    in_use: bool
    nodes: list[LoopbackNode]


def read_loopback(system: System) -> Loopback:
    loaded = None
    if system.path(_SYSFS).is_dir():
        loaded = system.text(f"{_SYSFS}/version") or _older_version(system)
    available = system.answer("modinfo", "-k", system.kernel, "-F", "version", MODULE)
    return Loopback(
        _older_version(system) if available == "" else available,
        loaded,
        int(system.text(f"{_SYSFS}/refcnt") or 0) > 0,
        _nodes(system),
    )


def _older_version(system: System) -> str:
    """The version of a module before 0.13, which reports none: read from DKMS's source folder."""
    versions = [folder.name.removeprefix(f"{MODULE}-") for folder in _sources(system)]
    older = [version for version in versions if not on_demand_possible(version)]
    return older[0] if len(older) == 1 else _OLD


def _sources(system: System) -> list[Path]:
    return sorted(system.path("/usr/src").glob(f"{MODULE}-[0-9]*"))


def _nodes(system: System) -> list[LoopbackNode]:
    exclusive = (system.text(f"{_SYSFS}/parameters/exclusive_caps") or "").split(",")
    entries = video_nodes(system.path("/sys/class/video4linux"))
    # Only nodes of v4l2loopback have this attribute.
    ours = [entry for entry in entries if (entry / "max_openers").exists()]
    return [
        LoopbackNode(
            path=f"/dev/{entry.name}",
            label=system.text(f"/sys/class/video4linux/{entry.name}/name") or entry.name,
            exclusive={"Y": True, "N": False}.get(exclusive[i]) if i < len(exclusive) else None,
        )
        for i, entry in enumerate(ours)
    ]


def version_of(text: str) -> tuple[int, ...]:
    """(0, 12, 7) for "0.12.7" or "v0.12.7-3-gabcdef"; () if the text has no version."""
    found = re.search(r"\d+(\.\d+)+", text)
    return tuple(int(part) for part in found.group().split(".")) if found else ()


def on_demand_possible(version: str) -> bool:
    """Whether it reports its readers (V4L2_EVENT_PRI_CLIENT_USAGE, since 0.13)."""
    return version_of(version) >= (0, 13)


def loses_device(version: str) -> bool:
    """Whether a device with exclusive_caps=1 refuses a second writer after the first has closed it
    (https://github.com/v4l2loopback/v4l2loopback/issues/470)."""
    return (0, 12, 5) <= version_of(version)[:3] <= (0, 12, 7)


def built_for_another_kernel(system: System) -> bool:
    """Whether DKMS has the module's source, but no build for the running kernel."""
    return bool(_sources(system))


def install_command(system: System) -> str:
    """How to get the module on this distribution."""
    release = system.release()
    family = {release.get("ID", ""), *release.get("ID_LIKE", "").split()}
    if family & {"debian", "ubuntu"}:
        return f"sudo apt install v4l2loopback-dkms linux-headers-{system.kernel}"
    if family & {"fedora", "rhel"}:
        return "sudo dnf install akmod-v4l2loopback (from RPM Fusion)"
    if "arch" in family:
        return "sudo pacman -S v4l2loopback-dkms linux-headers"
    if family & {"suse", "opensuse"}:
        return "sudo zypper install v4l2loopback-kmp-default"
    return f"install v4l2loopback: {PROJECT}"


def upgrade_command(system: System) -> str:
    """How to get 0.13 or newer."""
    release = system.release()
    if release.get("ID") == "debian" and release.get("VERSION_CODENAME") == "bookworm":
        return "sudo apt install -t bookworm-backports v4l2loopback-dkms"
    return f"install v4l2loopback 0.13 or newer: {PROJECT}"


def secure_boot(system: System) -> bool | None:
    """Whether the firmware enforces signatures; None without EFI."""
    try:
        return system.path(_SECURE_BOOT).read_bytes()[4:5] == b"\x01"  # 4 bytes of attributes
    except OSError:
        return None


def enrol_command(system: System) -> str:
    """How to make the firmware trust the key that signs the distribution's own builds."""
    key = next((key for key in _SIGNING_KEYS if system.path(key).exists()), None)
    if key is None:
        return "sign the module (see your distribution's page on secure boot), or turn it off"
    return f"sudo mokutil --import {key}, restart, and choose 'Enroll MOK'"
