from __future__ import annotations

import itertools
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.notify_listener import Listener

from bgblur.daemon.notify import Notifier

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="systemd is Linux only")


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Listener]:
    """What this process would find if systemd had started it, without a watchdog."""
    for name in ("WATCHDOG_USEC", "WATCHDOG_PID"):
        monkeypatch.delenv(name, raising=False)
    with Listener(str(tmp_path / "notify")) as listener:
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        yield listener


def test_without_a_manager_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    notifier = Notifier()
    notifier.tick(1, "blurring")
    notifier.stopping("an error")


def test_ready_with_the_first_picture_and_every_state_once(manager: Listener) -> None:
    notifier = Notifier()
    for published, state in [(0, "starting"), (0, "starting"), (1, "starting"), (2, "blurring")]:
        notifier.tick(published, state)
    notifier.tick(3, "blurring")
    notifier.stopping()
    assert manager.listen(0.2) == [
        "STATUS=starting",
        "READY=1",
        "STATUS=blurring",
        "STOPPING=1",
    ]


def test_the_reason_for_the_end_is_sent(manager: Listener) -> None:
    Notifier().stopping("there is no camera:\nplug one in")
    assert manager.listen(0.2) == ["STOPPING=1", "STATUS=there is no camera: plug one in"]


@given(state=st.text())
def test_no_state_can_smuggle_in_a_line_of_its_own(state: str) -> None:
    name = f"@bgblur-test-{os.getpid()}"
    with Listener(name) as listener, pytest.MonkeyPatch.context() as patch:
        patch.setenv("NOTIFY_SOCKET", name)
        Notifier().tick(0, f"STATUS {state}\nMAINPID=1")
        (line,) = listener.listen(5, lambda: bool(listener.heard))
    assert line.startswith("STATUS=STATUS")


def test_no_signal_to_a_watchdog_that_is_off(manager: Listener) -> None:
    notifier = Notifier()
    for published in range(1, 20):
        notifier.tick(published, "blurring")
    assert manager.listen(0.2) == ["READY=1", "STATUS=blurring"]


@pytest.mark.parametrize(("pid", "pets"), [(None, 1), ("own", 1), ("1", 0)])
def test_the_watchdog_of_another_process_is_left_alone(
    manager: Listener, monkeypatch: pytest.MonkeyPatch, pid: str | None, pets: int
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "60000000")
    if pid is not None:
        monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()) if pid == "own" else pid)
    notifier = Notifier()
    for published in range(1, 5):
        notifier.tick(published, "blurring")
    assert manager.listen(0.2).count("WATCHDOG=1") == pets


def test_a_manager_that_was_away_gets_everything(manager: Listener, tmp_path: Path) -> None:
    notifier = Notifier()
    manager.close()
    (tmp_path / "notify").unlink()
    notifier.tick(1, "blurring")
    with Listener(str(tmp_path / "notify")) as returned:
        notifier.tick(2, "blurring")
        notifier.tick(3, "blurring")
        assert returned.listen(0.2) == ["READY=1", "STATUS=blurring"]


def test_a_manager_that_does_not_read_delays_nothing(manager: Listener) -> None:
    notifier = Notifier()
    began = time.monotonic()
    for number in range(2000):
        notifier.tick(number, f"state {number}")
    assert time.monotonic() - began < 5
    manager.listen(0.2)
    notifier.tick(2000, "the last state")
    assert manager.listen(0.2)[-1] == "STATUS=the last state"


DAEMON = """
import threading, time
from bgblur.daemon import notify

notify.FLOWING_WITHIN = 0.6
published, hung = 0, threading.Event()

def publish():
    global published
    while not hung.is_set():
        time.sleep(0.02)
        published += 1

threading.Thread(target=publish, daemon=True).start()
notifier = notify.Notifier()
began = time.monotonic()
while (age := time.monotonic() - began) < 5:
    if 2 < age < 3.5:
        hung.set()
    elif age >= 3.5 and hung.is_set():
        hung.clear()
        threading.Thread(target=publish, daemon=True).start()
    notifier.tick(published, "hanging" if hung.is_set() else "blurring")
    time.sleep(0.05)
"""


@pytest.mark.parametrize("abstract", [False, True], ids=["path", "abstract"])
def test_the_watchdog_gets_its_signal_in_time_and_only_while_pictures_flow(
    tmp_path: Path, abstract: bool
) -> None:
    name = f"@bgblur-test-child-{os.getpid()}" if abstract else str(tmp_path / "notify")
    with Listener(name) as listener:
        environment = {**os.environ, **listener.environment, "WATCHDOG_USEC": "800000"}
        environment.pop("WATCHDOG_PID", None)
        child = subprocess.Popen([sys.executable, "-c", DAEMON], env=environment)
        try:
            listener.wait_for("STATUS=hanging")
            listener.listen(20, lambda: child.poll() is not None)
        finally:
            child.kill()
            child.wait()
    (hung,) = listener.times("STATUS=hanging")
    well = listener.times("STATUS=blurring")[-1]
    pets = listener.times("WATCHDOG=1")
    before = [when for when in pets if when < hung]
    assert len(before) >= 4
    assert max(after - when for when, after in itertools.pairwise(before)) < 0.8
    assert not [when for when in pets if hung + 0.6 + 0.2 < when < well]
    assert len([when for when in pets if when >= well]) >= 2
    assert len(listener.times("READY=1")) == 1
