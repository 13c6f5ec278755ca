"""The whole daemon, started as by systemd, and the messages it sends to the notify socket."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.faults.fairness import Heartbeat
from support.notify_listener import Listener

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="systemd is Linux only"),
    pytest.mark.slow,
]

DEMO = ["--device", "demo", "--output", "web", "--width", "320", "--height", "180"]
BREAKS = """
import sys, threading, time
from bgblur import cli
from bgblur.daemon import notify
from bgblur.errors import CameraError
from bgblur.sinks.web.sink import WebSink
from bgblur.sources.demo import DemoSource

notify.FLOWING_WITHIN = 2.0
what, begun = sys.argv.pop(1), []
publish, read = WebSink.publish, DemoSource.read

def over():  # four seconds after the first picture
    begun.append(time.monotonic())
    return begun.pop() - begun[0] > 4 if begun[1:] else False

def hang(sink, picture):
    if over():
        threading.Event().wait()
    publish(sink, picture)

def fail(source):
    if over():
        raise CameraError("the camera is unplugged")
    return read(source)

if what == "the output hangs":
    WebSink.publish = hang
else:
    DemoSource.read = fail
cli.main()
"""


@contextmanager
def daemon(listener: Listener, tmp_path: Path, *command: str) -> Iterator[subprocess.Popen[str]]:
    """Start the daemon with a watchdog of two seconds; the test checks the messages itself."""
    environment = {
        **os.environ,
        **listener.environment,
        "WATCHDOG_USEC": "2000000",
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
        "XDG_STATE_HOME": str(tmp_path / "state"),
    }
    environment.pop("WATCHDOG_PID", None)
    process = subprocess.Popen(
        [sys.executable, *command], env=environment, stderr=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[Listener]:
    with Listener(str(tmp_path / "notify")) as listener:
        yield listener


@pytest.fixture
def heart() -> Iterator[Heartbeat]:
    with Heartbeat() as heart:
        yield heart


def in_time(pets: list[float], heart: Heartbeat) -> bool:
    """Whether the watchdog of two seconds never waited longer, but for what the machine takes."""
    longest = max(after - when for when, after in itertools.pairwise(pets))
    return longest < 2 + 2 * heart.lost(pets[0])[0]


def test_ready_status_watchdog_stopping(
    listener: Listener, tmp_path: Path, heart: Heartbeat
) -> None:
    with daemon(listener, tmp_path, "-m", "bgblur", *DEMO) as process:
        listener.wait_for("READY=1")
        listener.wait_for("STATUS=blurring")
        listener.listen(60, lambda: len(listener.times("WATCHDOG=1")) >= 5)
        process.send_signal(signal.SIGTERM)
        listener.wait_for("STOPPING=1")
        assert process.wait(60) == 0
    ready = listener.times("READY=1")
    pets = listener.times("WATCHDOG=1")
    assert len(ready) == 1
    assert ready[0] <= pets[0]
    assert len(pets) >= 5
    assert in_time(pets, heart)


def test_ready_is_not_sent_if_the_daemon_cannot_start(listener: Listener, tmp_path: Path) -> None:
    arguments = ["--device", "77", "--output", "web"]
    with daemon(listener, tmp_path, "-m", "bgblur", *arguments) as process:
        assert process.wait(60) == 3
        said = listener.listen(0.5)
    assert "READY=1" not in said
    (status,) = [line for line in said if line.startswith("STATUS=") and "camera" in line]
    assert "no camera /dev/video77" in status


def test_a_hung_output_stops_the_watchdog_messages(listener: Listener, tmp_path: Path) -> None:
    with daemon(listener, tmp_path, "-c", BREAKS, "the output hangs", *DEMO) as process:
        listener.wait_for("WATCHDOG=1")

        def silent() -> bool:
            return time.monotonic() - listener.times("WATCHDOG=1")[-1] > 5

        listener.listen(60, silent)
        assert process.poll() is None
        assert silent()


def test_a_lost_camera_does_not_stop_the_watchdog_messages(
    listener: Listener, tmp_path: Path, heart: Heartbeat
) -> None:
    with daemon(listener, tmp_path, "-c", BREAKS, "the camera is lost", *DEMO):
        lost = listener.listen(60, lambda: any("unplugged" in line for _, line in listener.heard))
        assert any("unplugged" in line for line in lost)
        began = time.monotonic()

        def pets() -> list[float]:
            return [when for when in listener.times("WATCHDOG=1") if when > began]

        listener.listen(60, lambda: len(pets()) >= 5)
    assert len(pets()) >= 5
    assert in_time(pets(), heart)
