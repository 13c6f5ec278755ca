from __future__ import annotations

import itertools
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.notify_listener import Listener

from bgblur.daemon import notify
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

    def tick() -> None:
        for number in range(2000):
            notifier.tick(number, f"state {number}")

    thread = threading.Thread(target=tick, daemon=True)
    thread.start()
    thread.join(60)
    assert not thread.is_alive(), "it waits for somebody who reads"
    manager.listen(0.2)
    notifier.tick(2000, "the last state")
    assert manager.listen(0.2)[-1] == "STATUS=the last state"


@pytest.mark.parametrize("abstract", [False, True], ids=["path", "abstract"])
def test_the_watchdog_gets_its_signal_in_time_and_only_while_pictures_flow(
    tmp_path: Path, abstract: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a clock set by hand. With the true one: tests/e2e/test_notify_socket.py."""
    name = f"@bgblur-test-clock-{os.getpid()}" if abstract else str(tmp_path / "notify")
    now, hangs, well, within = 1000.0, 1002.0, 1003.5, 0.6
    monkeypatch.setattr(notify, "time", SimpleNamespace(monotonic=lambda: now))
    monkeypatch.setattr(notify, "FLOWING_WITHIN", within)
    monkeypatch.setenv("WATCHDOG_USEC", "800000")
    monkeypatch.delenv("WATCHDOG_PID", raising=False)
    monkeypatch.setenv("NOTIFY_SOCKET", name)
    pets: list[float] = []
    with Listener(name) as listener:
        notifier, published = Notifier(), 0
        while now < 1005:
            flows = not hangs <= now < well
            published += flows
            notifier.tick(published, "blurring" if flows else "hanging")
            pets += [now] * listener.listen(0).count("WATCHDOG=1")
            now += 0.05
        assert len(listener.times("READY=1")) == 1
        assert len(listener.times("STATUS=hanging")) == 1
    flowing = [when for when in pets if when < hangs]
    assert len(flowing) >= 4
    assert max(after - when for when, after in itertools.pairwise(flowing)) < 0.5
    assert not [when for when in pets if hangs + within < when < well]
    assert len([when for when in pets if when >= well]) >= 2
