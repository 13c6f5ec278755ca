from __future__ import annotations

from pathlib import Path

import pytest
from support.machine_tree import DEBIAN, KERNEL, Commands, loopback, machine, node

from bgblur.machine.loopback import (
    LoopbackNode,
    built_for_another_kernel,
    enrol_command,
    install_command,
    loses_device,
    on_demand_possible,
    read_loopback,
    secure_boot,
    upgrade_command,
    version_of,
)

EFI = "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"


def test_nothing_is_there(tmp_path: Path) -> None:
    found = read_loopback(machine(tmp_path))
    assert (found.available, found.loaded, found.in_use, found.nodes) == (None, None, False, [])


def test_installed_but_not_loaded(tmp_path: Path) -> None:
    commands = Commands(version="0.13.2")
    found = read_loopback(machine(tmp_path, run=commands))
    assert (found.available, found.loaded) == ("0.13.2", None)
    assert commands.ran == [["modinfo", "-k", KERNEL, "-F", "version", "v4l2loopback"]]


def test_loaded_with_two_devices_beside_a_camera(tmp_path: Path) -> None:
    devices = loopback("0.15.0", {2: "OBS", 10: "bgblur"}, exclusive="N,Y,N", refcnt=3)
    found = read_loopback(machine(tmp_path, devices, node(0, "HD Webcam")))
    assert found.loaded == "0.15.0"
    assert found.available is None  # loaded by hand from somewhere
    assert found.in_use
    assert found.nodes == [
        LoopbackNode("/dev/video2", "OBS", False),
        LoopbackNode("/dev/video10", "bgblur", True),
    ]


def test_a_module_that_reports_neither_version_nor_parameters(tmp_path: Path) -> None:
    files = loopback()
    del files["/sys/module/v4l2loopback/version"]
    del files["/sys/module/v4l2loopback/parameters/exclusive_caps"]
    found = read_loopback(machine(tmp_path, files, run=Commands(version="")))
    assert found.loaded == found.available == "0.12 or older"  # later ones tell
    assert found.nodes == [LoopbackNode("/dev/video10", "bgblur", None)]
    assert not on_demand_possible(found.loaded)
    newer = {"/usr/src/v4l2loopback-0.13.2/dkms.conf": ""}
    assert read_loopback(machine(tmp_path, newer)).loaded == "0.12 or older"
    older = {"/usr/src/v4l2loopback-0.12.7/dkms.conf": ""}
    assert read_loopback(machine(tmp_path, older)).loaded == "0.12.7"


@pytest.mark.parametrize(
    ("version", "numbers", "loses", "on_demand"),
    [
        ("0.12.4", (0, 12, 4), False, False),
        ("0.12.5", (0, 12, 5), True, False),
        ("0.12.7", (0, 12, 7), True, False),
        ("0.12.7-2ubuntu5", (0, 12, 7), True, False),
        ("v0.12.7-12-gabc0123", (0, 12, 7), True, False),
        ("0.13.0", (0, 13, 0), False, True),
        ("0.13.2", (0, 13, 2), False, True),
        ("0.15", (0, 15), False, True),
        ("1.0.0", (1, 0, 0), False, True),
    ],
)
def test_what_a_version_supports(
    version: str, numbers: tuple[int, ...], loses: bool, on_demand: bool
) -> None:
    assert version_of(version) == numbers
    assert loses_device(version) is loses
    assert on_demand_possible(version) is on_demand


@pytest.mark.parametrize(
    ("release", "command"),
    [
        ("ID=debian", f"sudo apt install v4l2loopback-dkms linux-headers-{KERNEL}"),
        ('ID=linuxmint\nID_LIKE="ubuntu debian"', "sudo apt install v4l2loopback-dkms"),
        ("ID=fedora", "sudo dnf install akmod-v4l2loopback"),
        ('ID="rocky"\nID_LIKE="rhel centos fedora"', "sudo dnf install akmod-v4l2loopback"),
        ("ID=manjaro\nID_LIKE=arch", "sudo pacman -S v4l2loopback-dkms"),
        ('ID="opensuse-tumbleweed"\nID_LIKE="opensuse suse"', "sudo zypper install v4l2loopback"),
        ("ID=nixos", "https://github.com/v4l2loopback/v4l2loopback"),
        ("", "https://github.com/v4l2loopback/v4l2loopback"),
    ],
)
def test_how_to_install_it_on_a_distribution(tmp_path: Path, release: str, command: str) -> None:
    assert command in install_command(machine(tmp_path, {"/etc/os-release": f"{release}\n"}))


def test_how_to_get_a_newer_one(tmp_path: Path) -> None:
    assert "bookworm-backports" in upgrade_command(machine(tmp_path, DEBIAN))
    trixie = {"/etc/os-release": "ID=debian\nVERSION_CODENAME=trixie\n"}
    assert "0.13 or newer" in upgrade_command(machine(tmp_path, trixie))


def test_source_without_a_module(tmp_path: Path) -> None:
    assert not built_for_another_kernel(machine(tmp_path))
    source = {"/usr/src/v4l2loopback-0.12.7/dkms.conf": ""}
    assert built_for_another_kernel(machine(tmp_path, source))


@pytest.mark.parametrize(
    ("value", "on"), [(b"\6\0\0\0\1", True), (b"\6\0\0\0\0", False), (None, None)]
)
def test_secure_boot(tmp_path: Path, value: bytes | None, on: bool | None) -> None:
    system = machine(tmp_path, {EFI: ""} if value is not None else {})
    if value is not None:
        system.path(EFI).write_bytes(value)
    assert secure_boot(system) is on


def test_the_signing_key_of_a_distribution(tmp_path: Path) -> None:
    assert "mokutil" not in enrol_command(machine(tmp_path))
    system = machine(tmp_path, {"/var/lib/dkms/mok.pub": ""})
    assert enrol_command(system).startswith("sudo mokutil --import /var/lib/dkms/mok.pub")
