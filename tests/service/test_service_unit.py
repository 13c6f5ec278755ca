"""The text of the systemd unit: systemd takes it, and it says what the daemon needs."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from pathlib import Path

import pytest

from bgblur.errors import UsageError
from bgblur.service.unit import unit_text

pytestmark = pytest.mark.skipif(platform.system() != "Linux", reason="systemd is Linux only")


def verify(unit: Path) -> str:
    """The warnings of systemd about the unit; empty if it has none."""
    tool = shutil.which("systemd-analyze")
    if tool is None:
        pytest.skip("needs systemd-analyze")
    done = subprocess.run(
        [tool, "--user", "verify", str(unit)],
        env={**os.environ, "XDG_RUNTIME_DIR": str(unit.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    # A key that systemd does not know is only written about.
    return done.stdout + done.stderr if done.returncode == 0 else f"failed: {done.stderr}"


@pytest.mark.parametrize(
    "name", ["bgblur-cam", "my bgblur-cam", "100% bl\u00fcr:@-+", "$HOME", "カメラ"]
)
def test_systemd_accepts_the_unit(tmp_path: Path, name: str) -> None:
    program = tmp_path / name
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    unit = tmp_path / "bgblur.service"
    command = [str(program), "--device", "HD Cam", "--output", "web", "100%", "$x", "a\nb", ";"]
    unit.write_text(unit_text(command, 252, str(program)))
    assert verify(unit) == ""


def test_the_check_would_notice_a_mistake(tmp_path: Path) -> None:
    unit = tmp_path / "bgblur.service"
    unit.write_text(unit_text(["/bin/true"], 252).replace("WatchdogSec=", "WatchDogSec="))
    assert "WatchDogSec" in verify(unit)
    unit.write_text(unit_text(["/no/such/program"], 252))
    assert "/no/such/program" in verify(unit)


def test_restarts_back_off_where_systemd_supports_it() -> None:
    assert "RestartSec=10\n" in unit_text(["/bin/true"], 252)
    assert "RestartSec=10\n" in unit_text(["/bin/true"])
    assert "RestartSteps" not in unit_text(["/bin/true"], 253)
    assert "RestartSteps=5\nRestartMaxDelaySec=30\n" in unit_text(["/bin/true"], 254)


def test_a_daemon_that_is_killed_leaves_the_holder_of_its_camera() -> None:
    assert "\nKillMode=process\n" in unit_text(["/usr/bin/bgblur-cam"])


def test_cuda_devices_are_created_only_with_an_nvidia_driver() -> None:
    assert "nvidia" not in unit_text(["/bin/true"])
    unit = unit_text(["/bin/true"], 252, "/usr/bin/nvidia-modprobe")
    assert unit.index("ExecStartPre=-+/usr/bin/nvidia-modprobe -u -c=0") < unit.index("ExecStart=")


@pytest.mark.parametrize("name", ["my 'cam'", 'my "cam"', "my\\cam", "my\ncam"])
def test_systemd_itself_refuses_some_names(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="without quotes in its path"):
        unit_text([str(tmp_path / name)])


def test_a_name_that_is_not_text_is_refused() -> None:
    with pytest.raises(UsageError, match="not valid UTF-8"):
        unit_text(["/bin/true", os.fsdecode(b"caf\xe9.mp4")])
