from __future__ import annotations

from pathlib import Path

import pytest
from support.machine_tree import DEBIAN, KERNEL, Commands, loopback, machine

from bgblur.devices.listing import Device
from bgblur.machine.checks import Check
from bgblur.machine.checks.virtual_camera import (
    check_module,
    check_nodes,
    check_permanent,
    check_portal,
    check_secure_boot,
    check_version,
)
from bgblur.machine.loopback import RELOAD, read_loopback
from bgblur.machine.setup import Write, carry_out, plan_setup
from bgblur.machine.system import System

EFI = "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
PORTAL = "/usr/share/dbus-1/services/org.freedesktop.portal.Desktop.service"


def module(system: System, needed: bool = True) -> Check:
    return check_module(read_loopback(system), system, needed)


def test_the_module_is_missing(tmp_path: Path) -> None:
    check = module(machine(tmp_path, DEBIAN))
    assert (check.status, check.exit_code) == ("fail", 4)
    assert check.fix is not None
    assert check.fix.startswith("sudo apt install v4l2loopback-dkms")
    assert check.fix.endswith("then bgblur-cam setup")
    assert module(machine(tmp_path, DEBIAN), needed=False).status == "warn"


def test_the_module_is_not_built(tmp_path: Path) -> None:
    check = module(machine(tmp_path, {"/usr/src/v4l2loopback-0.12.7/dkms.conf": ""}))
    assert check.status == "fail"
    assert f"linux-headers-{KERNEL}" in str(check.fix)


def test_the_module_is_not_loaded(tmp_path: Path) -> None:
    check = module(machine(tmp_path, run=Commands(version="0.13.2")))
    assert (check.status, check.fix) == ("fail", "bgblur-cam setup")


def test_the_module_is_loaded(tmp_path: Path) -> None:
    system = machine(tmp_path, loopback("0.13.2"), run=Commands(version="0.13.2"))
    assert module(system).status == "ok"
    system = machine(tmp_path, loopback("0.12.7"), run=Commands(version="0.13.2"))
    check = module(system)
    assert (check.status, check.fix) == ("warn", RELOAD)
    assert "0.12.7 is loaded, 0.13.2 is installed" in check.detail


@pytest.mark.parametrize(
    ("version", "status", "says"),
    [
        ("0.12.4", "warn", "stays on"),
        ("0.12.5", "warn", "refuses a second writer"),
        ("0.12.7", "warn", "refuses a second writer"),
        ("", "warn", "0.12 or older does not report its readers"),
        ("0.13.2", "ok", "can rest the camera"),
        ("0.15.0", "ok", "can rest the camera"),
    ],
)
def test_what_the_version_means(tmp_path: Path, version: str, status: str, says: str) -> None:
    for system in (
        machine(tmp_path / "loaded", DEBIAN, loopback(version)),
        machine(tmp_path / "installed", DEBIAN, run=Commands(version=version)),
    ):
        check = check_version(read_loopback(system), system)
        assert check is not None
        assert check.status == status
        assert says in check.detail
        assert status == "ok" or "bookworm-backports" in str(check.fix)


def test_without_a_version_there_is_no_line(tmp_path: Path) -> None:
    system = machine(tmp_path)
    assert check_version(read_loopback(system), system) is None


@pytest.mark.parametrize(
    ("captures", "outputs", "status", "says"),
    [
        (False, True, "ok", "free"),
        (True, False, "ok", "a program writes to"),
        (True, True, "warn", "without exclusive_caps=1"),
        (False, False, "fail", "any more: v4l2loopback 0.12 fails"),
    ],
)
def test_a_device_by_its_capabilities(
    tmp_path: Path, captures: bool, outputs: bool, status: str, says: str
) -> None:
    found = read_loopback(machine(tmp_path, loopback("0.12.7")))
    devices = [
        Device("/dev/video0", "HD Webcam", "camera", "uvcvideo", captures=True),
        Device(
            "/dev/video10",
            "bgblur",
            "virtual camera",
            "v4l2 loopback",
            captures=captures,
            outputs=outputs,
        ),
    ]
    (check,) = check_nodes(devices, found)
    assert check.status == status
    assert says in check.detail
    assert "bgblur (/dev/video10)" in check.detail
    assert check.exit_code == 4 or status != "fail"


def test_a_device_that_cannot_be_opened(tmp_path: Path) -> None:
    found = read_loopback(machine(tmp_path, loopback()))
    locked = Device("/dev/video10", "bgblur", "virtual camera", problem="Permission denied")
    (check,) = check_nodes([locked], found)
    assert check.status == "fail"
    assert "Permission denied" in check.detail


def test_what_setup_wrote_lasts(tmp_path: Path) -> None:
    commands = Commands(version="0.13.2", modprobe="")
    system = machine(tmp_path, run=commands)
    assert check_permanent(system).detail == "v4l2loopback is not loaded again"
    plan = plan_setup(system)
    written = [step for step in plan.steps if isinstance(step, Write)]
    for lasting, steps in ((False, written[1:]), (True, written)):
        carry_out(type(plan)(list(steps)), system, commands, [])
        check = check_permanent(system)
        assert (check.status == "ok") is lasting
        assert lasting or check.detail == "v4l2loopback lacks exclusive_caps=1"


def test_a_broken_link_is_skipped(tmp_path: Path) -> None:
    mine = {"/etc/modprobe.d/mine.conf": "options v4l2loopback devices=2\n"}
    system = machine(tmp_path, mine, run=Commands(version="0.13.2", modprobe=""))
    link = system.path("/etc/modprobe.d/gone.conf")
    link.symlink_to(tmp_path / "nowhere")
    assert check_permanent(system).status == "warn"
    system.path("/etc/modprobe.d/mine.conf").unlink()
    assert plan_setup(system).steps


def test_what_the_user_wrote_lasts_too(tmp_path: Path) -> None:
    options = {"/etc/modprobe.d/mine.conf": "options v4l2loopback devices=2 exclusive_caps=1,1\n"}
    system = machine(tmp_path, options, {"/etc/modules": "# modules\nv4l2loopback\n"})
    assert check_permanent(system).status == "ok"


@pytest.mark.parametrize(
    ("enforced", "loaded", "answers", "status", "says"),
    [
        (False, False, {"version": "0.13.2"}, "ok", "off"),
        (True, True, {}, "ok", "was accepted"),
        (True, False, {}, "ok", "must be signed"),
        (True, False, {"version": "0.13.2", "signer": "DKMS key"}, "ok", "signed by DKMS key"),
        (True, False, {"version": "0.13.2", "signer": ""}, "warn", "will refuse it"),
    ],
)
def test_secure_boot(
    tmp_path: Path, enforced: bool, loaded: bool, answers: dict[str, str], status: str, says: str
) -> None:
    system = machine(tmp_path, {EFI: ""}, loopback() if loaded else {}, run=Commands(**answers))
    system.path(EFI).write_bytes(b"\6\0\0\0" + bytes([enforced]))
    check = check_secure_boot(read_loopback(system), system)
    assert check.status == status
    assert says in check.detail


def test_secure_boot_without_efi(tmp_path: Path) -> None:
    system = machine(tmp_path)
    assert check_secure_boot(read_loopback(system), system).status == "ok"


def test_portal(tmp_path: Path) -> None:
    runtime = "/run/user/1000"
    assert "no PipeWire" in check_portal(machine(tmp_path), runtime).detail
    assert "no PipeWire" in check_portal(machine(tmp_path), None).detail
    system = machine(tmp_path, {f"{runtime}/pipewire-0": ""})
    assert check_portal(system, runtime).status == "warn"
    check = check_portal(machine(tmp_path, {PORTAL: ""}), runtime)
    assert check.status == "ok"
    assert "wireplumber" in str(check.fix)
