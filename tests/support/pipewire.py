"""A PipeWire of its own: its server, its session manager and its bus, for one test module."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bgblur.compositing.card import card
from bgblur.devices.pipewire.nodes import camera_nodes
from bgblur.frame import Image
from bgblur.sinks import Sink
from bgblur.sinks.pipewire import PipeWireSink

_PROGRAMS = ("dbus-daemon", "pipewire", "wireplumber", "pw-cli", "gst-launch-1.0")
_TEST_CAMERA = (
    "create-node spa-node-factory factory.name=videotestsrc "
    "library.name=videotestsrc/libspa-videotestsrc media.class=Video/Source media.role=Camera "
    "node.name={name} node.description={name}-camera\n"
)


class Session:
    """``env`` is for programs within it; this process is within it, too."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.env = {k: v for k, v in os.environ.items() if not k.startswith("PIPEWIRE")}
        self.env |= {
            "XDG_RUNTIME_DIR": str(folder),
            "HOME": str(folder),
            "DBUS_SESSION_BUS_ADDRESS": f"unix:path={folder}/bus",
            "GST_REGISTRY": str(folder / "gst"),
        }
        self.processes: list[subprocess.Popen[bytes]] = []

    def start(self, *command: str, **streams: int) -> subprocess.Popen[bytes]:
        chosen = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL} | streams
        process = subprocess.Popen(command, env=self.env, **chosen)  # type: ignore[call-overload]
        self.processes.append(process)
        return process

    def end(self, process: subprocess.Popen[bytes]) -> None:
        self.processes.remove(process)
        process.kill()
        process.wait()
        for stream in filter(None, (process.stdin, process.stdout)):
            stream.close()

    def start_server(self) -> None:
        self.server = self.start("pipewire")
        eventually((self.folder / "pipewire-0").exists)
        self.manager = self.start("wireplumber")

    @contextmanager
    def camera(self, name: str) -> Iterator[None]:
        """PipeWire's own test picture as a camera."""
        maker = self.start("pw-cli", stdin=subprocess.PIPE)
        assert maker.stdin is not None
        maker.stdin.write(_TEST_CAMERA.format(name=name).encode())
        maker.stdin.flush()
        try:
            eventually(lambda: has_node(name))
            yield
        finally:
            self.end(maker)
            eventually(lambda: not has_node(name))

    @contextmanager
    def client(self, width: int, height: int) -> Iterator[Callable[[], Image]]:
        """GStreamer takes the pictures of the camera "bgblur". Yields what waits for the next."""
        # 16 bits: GStreamer's conversion to 8 is a quick one, and up to 5 too dark.
        caps = f"video/x-raw,format=ARGB64_LE,width={width},height={height}"
        process = self.start(
            *("gst-launch-1.0", "-q", "pipewiresrc", "target-object=bgblur", "!", "videoconvert"),
            *("!", caps, "!", "fdsink", "fd=1"),
            stdout=subprocess.PIPE,
        )
        assert process.stdout is not None
        stream, size = process.stdout, width * height * 8
        newest: deque[bytes] = deque(maxlen=1)

        def drain() -> None:
            while len(data := stream.read(size)) == size:
                newest.append(data)

        def read() -> Image:
            newest.clear()
            eventually(lambda: newest)
            deep = np.frombuffer(newest[0], "<u2").reshape(height, width, 4)[:, :, :0:-1]
            return (deep / 257).round().astype(np.uint8)

        thread = threading.Thread(target=drain)
        thread.start()
        try:
            yield read
        finally:
            process.kill()
            thread.join()
            self.end(process)


@contextmanager
def pipewire_session() -> Iterator[Session]:
    """Skips where a program is missing."""
    if missing := [program for program in _PROGRAMS if not shutil.which(program)]:
        pytest.skip(f"needs {', '.join(missing)}")
    inspect = ["gst-inspect-1.0", "pipewiresrc"]
    if subprocess.run(inspect, capture_output=True, check=False).returncode:
        pytest.skip("needs GStreamer's pipewiresrc (Debian: gstreamer1.0-pipewire)")
    # A socket's path must be short.
    with (
        tempfile.TemporaryDirectory(prefix="pw-", ignore_cleanup_errors=True) as folder,
        pytest.MonkeyPatch.context() as patch,
    ):
        session = Session(Path(folder))
        patch.setenv("PIPEWIRE_REMOTE", f"{folder}/pipewire-0")
        try:
            session.start(
                "dbus-daemon", "--session", "--nofork", f"--address=unix:path={folder}/bus"
            )
            eventually((session.folder / "bus").exists)
            session.start_server()
            yield session
        finally:
            for process in reversed(session.processes[:]):
                session.end(process)


@contextmanager
def fed(
    sink: Sink, picture: Image, close: Callable[[Any], None] = lambda sink: sink.close()
) -> Iterator[None]:
    """``picture`` is published thirty times a second."""
    ended = threading.Event()

    def feed() -> None:
        while not ended.wait(1 / 30):
            sink.publish(picture)

    thread = threading.Thread(target=feed)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        close(sink)


def lose(sink: PipeWireSink) -> None:
    """As the kernel does where the daemon is killed."""
    assert sink._holder is not None
    sink._holder.close()


def is_card(picture: Image) -> bool:
    """Whether it is what the camera shows without a daemon."""
    height, width = picture.shape[:2]
    expected = card(width, height, "bgblur has ended").astype(int)
    return bool(np.abs(picture.astype(int) - expected).mean() < 1.5)


def has_node(name: str) -> bool:
    return any(node.name == name for node in camera_nodes())


def eventually(holds: Callable[[], object], within: float = 30.0) -> None:
    until = time.monotonic() + within
    while not holds():
        assert time.monotonic() < until, "it did not come true in time"
        time.sleep(0.05)
