"""``bgblur-cam service`` from install to uninstall, with a real systemd of the test's own."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.user_manager import UserManager

from bgblur.service.unit import unit_text

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="systemd is Linux only"),
    pytest.mark.slow,
]

BGBLUR_CAM = str(Path(sys.executable).with_name("bgblur-cam"))
DEMO = ["--device", "demo", "--output", "web", "--width", "320", "--height", "180"]
QUICK = "[Service]\nWatchdogSec=3\nRestartSec=1\nStandardError=append:%h/messages\n"


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[UserManager]:
    manager = UserManager(tmp_path / "systemd.log")
    folder = manager.config / "systemd" / "user" / "bgblur.service.d"
    manager.write(folder / "quick.conf", QUICK)
    yield manager
    manager.close()


def service(manager: UserManager, verb: str, *arguments: str, code: int = 0) -> str:
    done = manager.run(BGBLUR_CAM, "service", verb, *arguments)
    assert done.returncode == code, done.stderr
    return done.stdout + done.stderr


def wait_for(
    manager: UserManager, condition: Callable[[dict[str, Any]], bool], seconds: float = 180
) -> dict[str, Any]:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        now: dict[str, Any] = json.loads(service(manager, "status", "--json"))
        if condition(now):
            return now
        time.sleep(0.2)
    raise AssertionError(f"it never came to that: {now}")


def blurs(now: dict[str, Any]) -> bool:
    return bool(now["state"] == "active" and now["says"] == "blurring")


def test_from_install_to_uninstall(manager: UserManager) -> None:
    assert "every login" in service(manager, "install", "--", *DEMO)
    running = wait_for(manager, blurs)
    assert running["enabled"]
    rights = manager.run("cat", f"/proc/{running['pid']}/status").stdout
    assert "NoNewPrivs:\t1" in rights
    assert "Seccomp:\t2" in rights
    assert "blurring" in service(manager, "status")

    service(manager, "install", "--", *DEMO, "--strength", "0")  # with other options
    assert wait_for(manager, lambda now: now["says"] == "off")["pid"] != running["pid"]

    service(manager, "uninstall")
    assert not json.loads(service(manager, "status", "--json"))["installed"]
    assert "nothing to remove" in service(manager, "uninstall")
    left = manager.run("find", str(manager.config / "systemd"), "-name", "bgblur.service")
    assert left.stdout == ""


def test_a_daemon_that_hangs_is_restarted(manager: UserManager) -> None:
    service(manager, "install", "--", *DEMO)
    hung = wait_for(manager, blurs)
    time.sleep(5)  # longer than the watchdog allows without a message
    assert wait_for(manager, blurs)["restarts"] == 0
    assert manager.run("kill", "-STOP", str(hung["pid"])).returncode == 0
    fresh = wait_for(manager, lambda now: now["restarts"] >= 1 and blurs(now))
    assert fresh["pid"] != hung["pid"]
    messages = manager.run("cat", str(manager.home / "messages")).stdout
    assert "Fatal Python error: Aborted" in messages
    # The stacks of its threads; threads that still run may cut the list short.
    assert "most recent call first" in messages


def test_a_failed_start_gives_the_reason(manager: UserManager) -> None:
    said = service(manager, "install", "--", "--device", "77", "--output", "web", code=1)
    assert "no camera /dev/video77" in said
    assert "systemd will retry" in said
    wait_for(manager, lambda now: now["restarts"] >= 2)

    said = service(manager, "install", "--", *DEMO, "--strength", "101", code=1)
    assert "at most 100" in said
    assert "systemd will retry" not in said
    stopped = json.loads(service(manager, "status", "--json"))
    assert stopped["state"] == "failed"
    time.sleep(3)
    assert json.loads(service(manager, "status", "--json")) == stopped


NASTY = ["a b", "100%", "%h", "$HOME", "${HOME}", "\"q'", "back\\slash", "\\x41", "two\nlines"]
NASTY += ["", ";", "é", "~", "-", "#no", "|", "@:+!"]
TELLS = f"""#!{sys.executable}
import json, sys, time
from pathlib import Path
from bgblur.daemon.notify import Notifier

Path.home().joinpath("heard").write_text(json.dumps(sys.argv))
Path.home().joinpath("nnp").write_text(Path("/proc/self/status").read_text())
Notifier().tick(1, "well")
time.sleep(2)
Notifier().stopping("the output is gone")
sys.exit(4)
"""


def test_systemd_reads_the_unit_as_intended(manager: UserManager) -> None:
    """Arguments arrive unchanged; ``+`` keeps the privileges of the program before it; an end that
    was announced but not asked for is followed by a restart."""
    program, before = f"{manager.home}/my %h $HOME:cam", f"{manager.home}/before it"
    manager.write(Path(program), TELLS, "755")
    manager.write(Path(before), '#!/bin/sh\ncat /proc/self/status > "$HOME/before"\n', "755")
    unit = manager.config / "systemd" / "user" / "bgblur.service"
    manager.write(unit, unit_text([program, *NASTY], 252, before))
    manager.run("systemctl", "--user", "daemon-reload")
    started = manager.run("systemctl", "--user", "start", "bgblur.service")
    assert started.returncode == 0, started.stderr
    heard = json.loads(manager.run("cat", f"{manager.home}/heard").stdout)
    assert heard == [program, *NASTY]
    assert "NoNewPrivs:\t0" in manager.run("cat", f"{manager.home}/before").stdout
    assert "NoNewPrivs:\t1" in manager.run("cat", f"{manager.home}/nnp").stdout
    wait_for(manager, lambda now: now["restarts"] >= 1 and now["state"] == "active")
