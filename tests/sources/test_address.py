"""Cameras by address: real servers on this machine, FFmpeg's among them."""

from __future__ import annotations

import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from traceback import format_exception

import pytest
from support.network.mjpeg_server import HEIGHT, WIDTH, MjpegServer, number_in
from support.network.rtsp_server import RtspServer

from bgblur.errors import CameraError, CameraGoneError, CameraRefusedError
from bgblur.sources import address as module
from bgblur.sources.address import AddressSource


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine may answer late."""
    monkeypatch.setattr(module, "OPENS_WITHIN", 30.0)
    monkeypatch.setattr(module, "READS_WITHIN", 30.0)


@pytest.fixture(scope="module")
def camera() -> Iterator[MjpegServer]:
    server = MjpegServer()
    yield server
    server.stop()


def refused(address: str, kind: type[CameraError] = CameraError) -> str:
    with pytest.raises(CameraError) as caught:
        AddressSource(address)
    assert type(caught.value) is kind
    assert caught.value.exit_code == 3
    message = str(caught.value)
    printed = "".join(format_exception(caught.value))  # by --debug
    for secret in ("s3cret", "hu5h", "me:"):
        assert secret not in message + printed
    return message


def read_on(source: AddressSource) -> None:
    while True:
        source.read()


def test_pictures_over_http(camera: MjpegServer) -> None:
    source = AddressSource(camera.url("/locked", "me:s3cret@"))
    assert source.name == "camera " + camera.url("/...")
    assert (source.width, source.height) == (WIDTH, HEIGHT)
    frames = [source.read() for _ in range(10)]
    source.close()
    assert [frame.index for frame in frames] == list(range(10))
    numbers = [number_in(frame.image) for frame in frames]
    assert all(a < b for a, b in pairwise(numbers)), numbers


def test_a_slow_reader_gets_the_newest_picture(camera: MjpegServer) -> None:
    source = AddressSource(camera.url("/live"))
    for _ in range(3):
        source.read()
        time.sleep(0.5)  # 25 pictures come meanwhile
        asked, newest = time.monotonic(), camera.sent
        frame = source.read()
        assert frame.captured >= asked
        assert number_in(frame.image) >= newest
    source.close()


def test_the_connection_ends_with_the_source(camera: MjpegServer) -> None:
    gone(camera)  # those of the tests before
    source = AddressSource(camera.url("/live"))
    assert camera.watchers == 1
    raised: list[str] = []

    def read_to_the_end() -> None:
        try:
            read_on(source)
        except CameraError as error:
            raised.append(str(error))

    reader = threading.Thread(target=read_to_the_end)
    reader.start()
    source.close()
    source.close()
    reader.join(60)
    assert len(raised) == 1
    gone(camera)


def gone(camera: MjpegServer) -> None:
    """Wait until nobody watches."""
    deadline = time.monotonic() + 60
    while camera.watchers:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_server_that_stops_or_falls_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "READS_WITHIN", 0.3)
    camera = MjpegServer()
    try:
        source = _opened(camera.url("/live"))
        camera.quiet = True
        time.sleep(0.5)  # FFmpeg gives up before the picture is asked for
        with pytest.raises(CameraGoneError, match=r"none came within 0\.3 s"):
            read_on(source)
        camera.quiet = False
        source.close()
        monkeypatch.setattr(module, "READS_WITHIN", 30.0)
        source = AddressSource(camera.url("/live"))
    finally:
        camera.stop()
    with pytest.raises(CameraGoneError, match="the server has ended the stream"):
        read_on(source)
    source.close()
    assert "cannot be reached (Connection refused)" in refused(camera.url("/live"), CameraGoneError)


@pytest.mark.parametrize(
    ("path", "kind", "why"),
    [
        ("/locked", CameraRefusedError, "refuses the user name and password"),
        ("/token?token=hu5h!", CameraRefusedError, "refuses the user name and password"),
        ("/nothing", CameraError, "nothing under this path (404)"),
        ("/page", CameraError, "is no video"),
        ("/sound", CameraError, "it has no video, only sound"),
        ("/still", CameraError, "a single picture"),
        ("/recording", CameraError, "a recording"),
        ("/empty", CameraGoneError, "closes the connection"),
        ("/silent", CameraGoneError, "no answer in time"),
    ],
)
def test_what_answers_but_is_no_camera(
    camera: MjpegServer,
    monkeypatch: pytest.MonkeyPatch,
    path: str,
    kind: type[CameraError],
    why: str,
) -> None:
    if path == "/silent":
        monkeypatch.setattr(module, "OPENS_WITHIN", 0.3)
    message = refused(camera.url(path, "me:wr0ng-s3cret@"), kind)
    assert why in message
    assert message.startswith("camera http://127.0.0.1:")


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("http://me:s3cret@nowhere.invalid/", CameraGoneError),
        ("rtsp://me:s3cret@127.0.0.1:9/live", CameraGoneError),
        ("rtsp://me:s3/cret@127.0.0.1:9/live", CameraGoneError),
        ("http://127.0.0.1:99999/", CameraGoneError),
        ("rtsp://", CameraGoneError),
        ("gopher://me:s3cret@camera/", CameraError),
        ("file:///etc/passwd", CameraError),
    ],
)
def test_a_wrong_address(address: str, kind: type[CameraError]) -> None:
    refused(address, kind)


def test_rtsp_with_a_password(tmp_path: Path) -> None:
    server = RtspServer(tmp_path, "red")
    address = f"127.0.0.1:{server.port}/live"
    try:
        assert "password" in refused(f"rtsp://{address}", CameraRefusedError)
        source = AddressSource(f"rtsp://me:s3cret@{address}")
        assert (source.width, source.height, source.fps) == (160, 120, 25)
        source.read()
        asked = time.monotonic()
        frame = source.read()
        assert frame.captured >= asked
        assert abs(frame.image.reshape(-1, 3).mean(0) - (0, 0, 254)).max() < 4
        source.close()
    finally:
        server.close()


def test_ffmpegs_own_server(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [
        *("ffmpeg", "-loglevel", "error", "-re", "-f", "lavfi"),
        *("-i", "color=blue:size=160x120:rate=25", "-c:v", "mpeg2video", "-g", "5"),
        *("-threads", "1", "-f", "mpegts", "-listen", "1", f"http://127.0.0.1:{port}/live"),
    ]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL) as ffmpeg:
        try:
            source = _opened(f"http://127.0.0.1:{port}/live")
            frame = source.read()
            assert abs(frame.image.reshape(-1, 3).mean(0) - (254, 0, 0)).max() < 4
        finally:
            ffmpeg.kill()
    with pytest.raises(CameraGoneError):
        read_on(source)
    source.close()


def _opened(address: str, within: float = 60.0) -> AddressSource:
    deadline = time.monotonic() + within
    while True:
        try:
            return AddressSource(address)
        except CameraGoneError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
