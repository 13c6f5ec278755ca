"""PipeWire both ways, with its real server and session manager, and GStreamer as the client."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.media.known_colors import middles, patches
from support.pipewire import (
    Session,
    eventually,
    fed,
    has_node,
    is_card,
    lose,
    pipewire_session,
)

from bgblur.config.settings import CameraSettings
from bgblur.devices.listing import list_devices
from bgblur.devices.pipewire import held
from bgblur.devices.pipewire.meeting import connected
from bgblur.errors import CameraError, CameraGoneError, OutputError
from bgblur.frame import Image
from bgblur.imaging.color import from_i420, to_i420
from bgblur.machine.checks.cameras import check_cameras
from bgblur.pipeline.build import open_sink, open_source
from bgblur.sinks import pipewire
from bgblur.sinks.pipewire import PipeWireSink
from bgblur.sources.pipewire import PipeWireSource

TESTS = Path(__file__).resolve().parents[1]
GREY_I420 = np.full((360, 320), 128, np.uint8)
GREY = from_i420(GREY_I420)[0, 0].astype(int)

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="PipeWire is Linux's")


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    with pipewire_session() as started:
        yield started


def read_on(source: PipeWireSource) -> None:
    for _ in range(1000):
        source.read()


def publish_on(sink: PipeWireSink, picture: Image) -> None:
    for _ in range(100):
        sink.publish(picture)
        time.sleep(0.05)


def is_grey(picture: Image) -> bool:
    return bool(np.abs(picture.astype(int) - GREY).max() <= 3)


def test_a_program_gets_the_colours(session: Session) -> None:
    colors = patches()
    height, width = colors.shape[:2]
    sink = open_sink("auto", width, height, 30, pytest.fail)  # there is no virtual camera device
    assert isinstance(sink, PipeWireSink)
    with fed(sink, to_i420(colors)):
        assert sink.clients == 0
        assert sink.resizing == "reopen"
        for _ in range(2):  # one program after another
            with session.client(width, height) as read:
                assert np.abs(middles(read()).astype(int) - middles(colors)).max() <= 3
                assert sink.clients == 1
                eventually(lambda: sink.resizing == "never")
            eventually(lambda: sink.clients == 0)
    assert not has_node("bgblur")


# PipeWire's own test picture stops for good where a busy program is late with a buffer.
with_its_test_picture = pytest.mark.flaky(reruns=4, only_rerun="CameraBusyError|no more pictures")


@with_its_test_picture
def test_the_camera_of_another_program(session: Session) -> None:
    with session.camera("their"), session.camera("other"):
        assert [(d.path, d.name, d.kind) for d in list_devices() if d.driver == "pipewire"] == [
            ("pipewire:their", "their-camera", "camera"),
            ("pipewire:other", "other-camera", "camera"),
        ]
        source = open_source(CameraSettings(device="pipewire:other", width=320, height=240))
        frames = [source.read() for _ in range(3)]
        source.close()
        assert source.name == "PipeWire camera other-camera"
        assert (source.width, source.height, source.fps) == (320, 240, 25)
        assert source.remark is not None
        assert "25 fps" in source.remark
        assert [frame.index for frame in frames] == [0, 1, 2]
        # SMPTE's bars: grey, yellow, cyan, green, magenta, red, blue
        row = frames[-1].image[60, 320 // 14 :: 320 // 7][:7].astype(int)
        bars = [[1, 1, 1], [0, 1, 1], [1, 1, 0], [0, 1, 0], [1, 0, 1], [0, 0, 1], [1, 0, 0]]
        assert np.abs(row - 191 * np.array(bars)).max() <= 3
        (*_, chosen) = check_cameras(list_devices(), "pipewire:other-camera")
        assert chosen.status == "ok"
        (*_, chosen) = check_cameras(list_devices(), "pipewire:third")
        assert (chosen.status, chosen.exit_code) == ("fail", 3)


def test_what_is_not_there_is_one_line(session: Session) -> None:
    sink = PipeWireSink(320, 240, 30)
    try:  # it does not film itself
        for device in ("pipewire", "pipewire:bgblur", "pipewire:nobody's"):
            with pytest.raises(CameraGoneError, match="bgblur-cam devices") as caught:
                open_source(CameraSettings(device=device))
            assert "\n" not in str(caught.value)
    finally:
        sink.close()


@with_its_test_picture
def test_a_camera_that_ends_is_gone_and_comes_back(session: Session) -> None:
    with session.camera("their"):
        source = PipeWireSource("pipewire", 320, 240, 30)
        source.read()
    began = time.monotonic()
    with pytest.raises(CameraGoneError, match="is gone"):
        read_on(source)
    assert time.monotonic() - began < 30
    source.close()
    source.close()  # twice is no error
    with session.camera("their"):
        source = PipeWireSource("pipewire", 320, 240, 30)
        source.read()
        source.close()


def test_a_daemon_rests_loses_its_camera_and_is_killed_and_started_again(
    session: Session, tmp_path: Path
) -> None:
    config, state = tmp_path / "config.toml", tmp_path / "state"
    config.write_text("[idle]\ngrace_seconds = 0.2\n[output]\nwidth = 320\nheight = 240\n")
    session.env["XDG_STATE_HOME"] = str(state)
    command = [sys.executable, "-m", "bgblur", "--config", str(config)]
    command += ["--device", "pipewire:their", "--output", "pipewire"]
    camera = [sys.executable, str(TESTS / "support" / "pipewire_camera.py"), "their", "320", "240"]

    def run(daemon: subprocess.Popen[bytes]) -> dict[str, Any]:
        try:
            report = json.loads((state / "bgblur" / "run" / f"{daemon.pid}.json").read_text())
        except (OSError, ValueError):
            return {}
        found: dict[str, Any] = report["runs"][0]
        return found

    def reaches(daemon: subprocess.Popen[bytes], wanted: str) -> None:
        eventually(lambda: run(daemon).get("state") == wanted, 90)

    theirs = session.start(*camera)
    eventually(lambda: has_node("their"))
    first = session.start(*command)
    reaches(first, "idle")
    with session.client(320, 240) as read:
        reaches(first, "blurring")
        eventually(lambda: is_grey(read()))
        assert run(first)["clients"] == 1
        session.end(theirs)
        reaches(first, "no camera")
        assert "is gone" in run(first)["problem"]
        theirs = session.start(*camera)
        reaches(first, "blurring")
        session.end(first)  # by SIGKILL
        eventually(lambda: is_card(read()))
        second = session.start(*command, "--output", "web")  # both at once
        reaches(second, "blurring")
        eventually(lambda: is_grey(read()))  # the same program goes on
        assert [output["name"] for output in run(second)["outputs"]] == [
            "PipeWire camera bgblur",
            "preview page",
        ]
        assert run(second)["preview"]
    reaches(second, "idle")
    second.terminate()
    eventually(lambda: not has_node("bgblur"))
    session.end(second)
    session.end(theirs)


def test_the_camera_outlives_its_daemon_for_a_time(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipewire, "ALONE", 0.2)
    monkeypatch.setattr(pipewire, "WATCHED", 60.0)
    sink = PipeWireSink(320, 240, 30)
    with pytest.raises(OutputError, match=rf"process {os.getpid()}\).* end it") as caught:
        PipeWireSink(320, 240, 30)  # one daemon at a time
    assert "\n" not in str(caught.value)
    lose(sink)
    sink = PipeWireSink(640, 360, 30)  # nobody watches: the next daemon has its size
    assert sink.size == (640, 360)
    lose(sink)
    began = time.monotonic()
    eventually(lambda: not has_node("bgblur"))
    assert time.monotonic() - began < 30, "nobody watched it"
    sink = PipeWireSink(320, 240, 30)
    with session.client(320, 240) as read:
        with fed(sink, GREY_I420, close=lose):
            eventually(lambda: is_grey(read()))
        eventually(lambda: is_card(read()))
        sink = PipeWireSink(640, 360, 30)
        assert (sink.size, sink.clients) == ((320, 240), 1)  # the program knows this size
        with fed(sink, GREY_I420):
            eventually(lambda: is_grey(read()))
        eventually(lambda: is_card(read()))  # in order, too
        assert has_node("bgblur")
    eventually(lambda: not has_node("bgblur"))  # at once
    monkeypatch.setattr(pipewire, "WATCHED", 5.0)
    sink = PipeWireSink(320, 240, 30)
    with session.client(320, 240) as read:
        with fed(sink, GREY_I420):
            eventually(lambda: is_grey(read()))
            began = time.monotonic()
        eventually(lambda: not has_node("bgblur"))
        assert time.monotonic() - began > pipewire.WATCHED


def test_a_holder_of_another_version_makes_room(session: Session) -> None:
    lose(PipeWireSink(320, 240, 30))
    with connected("bgblur", 5) as newer:
        offer = json.dumps({"protocol": held.PROTOCOL + 1}).encode()
        socket.send_fds(newer, [offer], [held.Shared((320, 240)).descriptor])
        assert newer.recv(100) == b""
    eventually(lambda: not has_node("bgblur"), 8)
    PipeWireSink(320, 240, 30).close()


def test_the_holder_is_a_small_process() -> None:
    code = "import sys, bgblur.devices.pipewire.holder; print(*sys.modules)"
    command = [sys.executable, "-c", code]
    loaded = subprocess.run(command, capture_output=True, check=True, text=True).stdout.split()
    assert "bgblur.devices.pipewire.holder" in loaded
    assert not {"numpy", "cv2", "pydantic", "linuxpy", "asyncio"} & set(loaded)


def test_a_server_that_ends_is_one_line_and_may_return(session: Session) -> None:
    """The last test: programs of the session would have to start again, too."""
    sink = PipeWireSink(320, 240, 30)
    picture = np.zeros((360, 320), np.uint8)
    sink.publish(picture)
    session.end(session.manager)
    session.end(session.server)
    with pytest.raises(OutputError, match="the PipeWire camera has ended") as caught:
        publish_on(sink, picture)
    assert "\n" not in str(caught.value)
    sink.close()
    with pytest.raises(FileNotFoundError):
        connected("bgblur", 5)  # its process has ended, too
    (session.folder / "pipewire-0").unlink(missing_ok=True)
    with pytest.raises(OutputError, match="PipeWire does not run"):
        PipeWireSink(320, 240, 30)
    with pytest.raises(CameraError, match="PipeWire does not run"):
        PipeWireSource("pipewire", 320, 240, 30)
    session.start_server()
    sink = PipeWireSink(320, 240, 30)
    assert has_node("bgblur")
    sink.close()
