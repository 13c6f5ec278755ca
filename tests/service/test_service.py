"""``bgblur-cam service``: install, uninstall and status, with a stand-in for systemctl."""

from __future__ import annotations

import json
import os
import platform
import shutil
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from bgblur.commands.service import service_app
from bgblur.errors import BgblurError, UsageError
from bgblur.service import service
from bgblur.service.unit import unit_text

pytestmark = pytest.mark.skipif(platform.system() != "Linux", reason="systemd is Linux only")

BGBLUR_CAM = Path(sys.executable).with_name("bgblur-cam")
SYSTEMCTL = f"""#!{sys.executable}
import os, sys
from pathlib import Path

here = Path(__file__).parent
words = [word for word in sys.argv[1:] if word not in ("--user", "--no-pager", "--quiet")]
with (here / "calls").open("a") as calls:
    print(*words, file=calls)
if words == ["show", "--property=Version", "--value"]:
    print("252.39-1~deb12u2")
elif words[0] == "show":
    print((here / "unit").read_text(), end="")
refused = here / ("refuse-" + words[0])
if refused.exists():
    sys.exit(refused.read_text())
"""
RUNNING = """\
MainPID=54
NRestarts=2
Result=success
StatusText=blurring
LoadState=loaded
ActiveState=active
SubState=running
FragmentPath=/home/you/.config/systemd/user/bgblur.service
UnitFileState=enabled
StateChangeTimestamp=Mon 2026-11-23 14:57:38 UTC
"""


class Systemctl:
    """A stand-in on the PATH that writes down its arguments."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        (folder / "systemctl").write_text(SYSTEMCTL)
        (folder / "systemctl").chmod(0o755)
        self.answer(RUNNING)

    def answer(self, properties: str) -> None:
        (self._folder / "unit").write_text(properties)

    def refuse(self, verb: str, message: str) -> None:
        (self._folder / f"refuse-{verb}").write_text(message)

    def calls(self) -> list[str]:
        """The commands that may change something: all but ``show``."""
        said = (self._folder / "calls").read_text().splitlines()
        return [line for line in said if not line.startswith("show")]


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setattr(sys, "argv", [str(BGBLUR_CAM)])
    return tmp_path / "config"


@pytest.fixture
def systemctl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Systemctl:
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return Systemctl(folder)


@pytest.fixture
def no_systemctl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))


def call(*arguments: str) -> Result:
    result = CliRunner().invoke(service_app, list(arguments))
    if isinstance(result.exception, BgblurError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result


# ------------------------------------------------------------ install


def test_install_writes_enables_starts_and_says_so(systemctl: Systemctl, config: Path) -> None:
    result = call("install", "--", "--device", "HD Cam", "--output=web")
    unit = config / "systemd" / "user" / "bgblur.service"
    assert f'ExecStart=:{BGBLUR_CAM} --device "HD Cam" --output=web\n' in unit.read_text()
    assert systemctl.calls() == ["daemon-reload", "enable bgblur.service", "restart bgblur.service"]
    for word in (str(unit), "every login", "blurring", "journalctl --user -u bgblur"):
        assert word in result.stderr
    assert [path.name for path in unit.parent.iterdir()] == ["bgblur.service"]


def test_install_again_replaces_its_own_unit(systemctl: Systemctl, config: Path) -> None:
    call("install", "--", "--device", "demo")
    call("install", "--no-start")
    unit = (config / "systemd" / "user" / "bgblur.service").read_text()
    assert f"ExecStart=:{BGBLUR_CAM}\n" in unit
    assert systemctl.calls()[3:] == ["daemon-reload", "enable bgblur.service"]


def test_dry_run_prints_the_unit_and_does_nothing(systemctl: Systemctl, config: Path) -> None:
    printed = call("install", "--dry-run", "--", "--device", "demo").stdout
    nvidia = shutil.which("nvidia-modprobe")
    assert printed == unit_text([str(BGBLUR_CAM), "--device", "demo"], 252, nvidia)
    assert systemctl.calls() == []
    assert not config.exists()


@pytest.mark.usefixtures("no_systemctl")
def test_dry_run_needs_no_systemd() -> None:
    assert "Type=notify" in call("install", "--dry-run").stdout


def test_files_named_from_here_are_found_from_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("clip.mp4", "my.toml"):
        (tmp_path / name).touch()
    (tmp_path / "demo").mkdir()
    options = ["--device", "clip.mp4", "--config=my.toml", "--mode", "demo"]
    unit = call("install", "--dry-run", "--", *options).stdout
    expected = f"--device {tmp_path}/clip.mp4 --config={tmp_path}/my.toml --mode demo\n"
    assert expected in unit


@pytest.mark.parametrize(
    "options", [["--devcie", "demo"], ["toggle"], ["--strength"], ["--output"], ["0"]]
)
def test_options_the_daemon_does_not_know_are_refused(
    systemctl: Systemctl, config: Path, options: list[str]
) -> None:
    with pytest.raises(UsageError, match=f"`bgblur-cam {' '.join(options)}` cannot be a service"):
        call("install", "--", *options)
    assert not config.exists()


def test_run_as_a_module_it_is_installed_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["/somewhere/bgblur/__main__.py"])
    unit = call("install", "--dry-run").stdout
    assert f"ExecStart=:{sys.executable} -m bgblur\n" in unit


def test_somebody_elses_unit_is_left_alone(systemctl: Systemctl, config: Path) -> None:
    unit = config / "systemd" / "user" / "bgblur.service"
    unit.parent.mkdir(parents=True)
    unit.write_text("[Service]\nExecStart=/usr/bin/true\n")
    for verb in ("install", "uninstall"):
        with pytest.raises(UsageError, match="not written by bgblur-cam"):
            call(verb)
    unit.unlink()
    unit.symlink_to("/dev/null")  # masked
    with pytest.raises(UsageError, match="not written by bgblur-cam"):
        call("install")
    assert unit.is_symlink()


def test_a_folder_that_cannot_be_written_is_one_line(systemctl: Systemctl, config: Path) -> None:
    config.parent.mkdir(exist_ok=True)
    config.write_text("a file where a folder should be")
    with pytest.raises(UsageError, match=f"cannot write {config}"):
        call("install")


def test_an_error_of_systemd_is_passed_on(systemctl: Systemctl) -> None:
    systemctl.refuse("enable", "Unit file bgblur.service does not exist.")
    with pytest.raises(UsageError, match=r"enable bgblur\.service` failed: Unit file bgblur"):
        call("install")


@pytest.mark.parametrize(("state", "again"), [("activating", True), ("failed", False)])
def test_a_service_that_does_not_start_says_why(
    systemctl: Systemctl, state: str, again: bool
) -> None:
    systemctl.refuse("restart", "Job for bgblur.service failed.")
    stopped = RUNNING.replace("ActiveState=active", f"ActiveState={state}")
    systemctl.answer(stopped.replace("=blurring", "=there is no camera /dev/video0"))
    with pytest.raises(BgblurError, match="no camera /dev/video0") as failed:
        call("install")
    assert ("will retry" in str(failed.value)) is again
    assert failed.value.exit_code == 1
    systemctl.answer(stopped.replace("=blurring", "="))
    with pytest.raises(BgblurError, match="Job for bgblur"):
        call("install")


# ------------------------------------------------------------ uninstall, status


def test_uninstall_removes_everything(systemctl: Systemctl, config: Path) -> None:
    call("install")
    installed = len(systemctl.calls())
    call("uninstall")
    assert not (config / "systemd" / "user" / "bgblur.service").exists()
    assert systemctl.calls()[installed:] == [
        "disable --now bgblur.service",
        "daemon-reload",
        "reset-failed bgblur.service",
    ]
    assert "nothing to remove" in call("uninstall").stderr


@pytest.mark.usefixtures("systemctl")
def test_status_reports_what_systemd_knows() -> None:
    status = json.loads(call("status", "--json").stdout)
    assert status == {
        "installed": True,
        "enabled": True,
        "state": "active",
        "detail": "running",
        "result": "success",
        "since": "2026-11-23T14:57:38+00:00",
        "says": "blurring",
        "pid": 54,
        "restarts": 2,
        "unit": "/home/you/.config/systemd/user/bgblur.service",
        "log": "journalctl --user -u bgblur",
    }
    shown = call("status").stdout
    for word in ("active (running)", "2026-11-2", "blurring", "at login", "2 times", "journalctl"):
        assert word in shown


def test_status_without_a_service(systemctl: Systemctl) -> None:
    systemctl.answer("LoadState=not-found\nActiveState=inactive\nSubState=dead\nUnitFileState=\n")
    status = json.loads(call("status", "--json").stdout)
    assert (status["installed"], status["enabled"], status["since"]) == (False, False, None)
    assert "bgblur-cam service install" in call("status").stderr


# ------------------------------------------------------------ no systemd


@pytest.mark.usefixtures("no_systemctl")
@pytest.mark.parametrize("verb", ["install", "uninstall", "status"])
def test_without_systemd_one_line(verb: str) -> None:
    with pytest.raises(UsageError, match="no systemd on this system"):
        call(verb)


def test_without_a_manager_for_this_user_one_line(systemctl: Systemctl) -> None:
    systemctl.refuse("show", "Failed to connect to bus: No medium found")
    with pytest.raises(UsageError, match=r"No medium found\): run this in your own session"):
        service.manager_version()
