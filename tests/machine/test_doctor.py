from __future__ import annotations

from pathlib import Path

from support.machine_tree import DEBIAN, Commands, loopback, machine, node

from bgblur.config.settings import Settings
from bgblur.devices.listing import Device
from bgblur.machine.checks import exit_code
from bgblur.machine.doctor import examine, on_linux

BGBLUR = Device("/dev/video10", "bgblur", "virtual camera", "v4l2 loopback", outputs=True)


def test_a_machine_that_is_ready(tmp_path: Path) -> None:
    lasting = {
        "/etc/modules-load.d/bgblur.conf": "v4l2loopback\n",
        "/etc/modprobe.d/bgblur.conf": "options v4l2loopback exclusive_caps=1\n",
    }
    commands = Commands(version="0.13.2")
    system = machine(tmp_path, DEBIAN, loopback(), node(0, "cam"), lasting, run=commands)
    checks = list(on_linux(Settings(), system, [BGBLUR]))
    assert {check.status for check in checks} == {"ok"}
    titles = [check.title for check in checks]
    assert titles == [
        "permissions",
        "pipewire",
        "loopback",
        "loopback version",
        "after a restart",
        "virtual camera",
        "secure boot",
        "portal",
    ]


def test_a_machine_without_the_module(tmp_path: Path) -> None:
    system = machine(tmp_path, DEBIAN)
    assert exit_code(on_linux(Settings(), system, [])) == 4
    page = Settings.model_validate({"output": {"device": "web"}})
    assert exit_code(on_linux(page, system, [])) == 0  # who wants the page only needs no module


def test_this_machine_quickly(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text('[camera]\ndevice = "demo"\n[output]\ndevice = "web"\n')
    checks = list(examine(config, quick=True))
    assert [check.title for check in checks[:3]] == ["python", "packages", "configuration"]
    titles = {check.title for check in checks}
    assert "chosen camera" in titles
    assert not titles & {"processor", "model", "speed"}
    for check in checks:
        assert "\n" not in check.detail
        assert check.status == "ok" or check.fix or check.title == "camera"
