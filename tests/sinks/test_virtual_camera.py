"""The sink with a back end that keeps its frames, by pyvirtualcam's own extension point."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pyvirtualcam
from pyvirtualcam.camera import BACKENDS
from support.scenes import portrait

from bgblur.devices.loopback import format_of
from bgblur.errors import OutputError
from bgblur.imaging.color import to_i420
from bgblur.sinks import virtual_camera
from bgblur.sinks.virtual_camera import VirtualCameraSink

on_linux = pytest.mark.skipif(platform.system() != "Linux", reason="devices are files on Linux")


class Recorder:
    """A pyvirtualcam.camera.Backend over a plain file in place of the device's node."""

    node: Path
    opened: list[Recorder]

    def __init__(
        self, *, width: int, height: int, fps: float, fourcc: int, device: str | None, **_: Any
    ) -> None:
        if not self.node.exists() or device not in (None, str(self.node)):
            raise RuntimeError("no such device\nin the recorder")
        self.shape, self.fps, self.fourcc = (width, height), fps, fourcc
        self.sent: list[bytes] = []
        self.closed = 0
        self.opened.append(self)

    def send(self, frame: np.ndarray[Any, Any]) -> None:
        self.sent.append(frame.tobytes())

    def close(self) -> None:
        self.closed += 1

    def device(self) -> str:
        return str(self.node)

    def native_fourcc(self) -> int | None:
        return None


@pytest.fixture
def recorder(tmp_path: Path) -> Iterator[type[Recorder]]:
    """The only back end during one test."""
    real = dict(BACKENDS)
    Recorder.node, Recorder.opened = tmp_path / "video9", []
    Recorder.node.touch()
    BACKENDS.clear()
    pyvirtualcam.register_backend("recorder", Recorder)
    yield Recorder
    BACKENDS.clear()
    BACKENDS.update(real)


@pytest.fixture
def driver_format(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file in which the driver reports the format of the recorder's device."""
    file = tmp_path / "nodes" / "video9" / "format"
    file.parent.mkdir(parents=True)
    monkeypatch.setattr(
        virtual_camera, "format_of", lambda device: format_of(device, tmp_path / "nodes")
    )
    return file


@on_linux
def test_a_size_that_the_driver_keeps_is_used(
    recorder: type[Recorder], driver_format: Path
) -> None:
    driver_format.write_text("YU12:320x240@30\n")
    sink = VirtualCameraSink(None, 640, 360, 30)
    assert sink.size == (320, 240)
    assert [(r.shape, r.closed) for r in recorder.opened] == [((640, 360), 1), ((320, 240), 0)]
    sink.publish(np.zeros((360, 320), np.uint8))
    driver_format.write_text("")  # as before any program has set a size
    assert VirtualCameraSink(None, 640, 360, 30).size == (640, 360)


@on_linux
@pytest.mark.parametrize("kept", ["YUYV 640x360", "YU12 853x480"])
def test_another_pixel_format_that_the_driver_keeps_is_an_error(
    recorder: type[Recorder], driver_format: Path, kept: str
) -> None:
    driver_format.write_text(f"{kept.replace(' ', ':')}@30000/1001\n")
    with pytest.raises(OutputError, match=f"is kept at {kept} by a program") as caught:
        VirtualCameraSink(None, 640, 360, 30)
    assert "\n" not in str(caught.value)
    assert [r.closed for r in recorder.opened] == [1]


@pytest.mark.parametrize("size", [(640, 360), (320, 240), (322, 182)])
def test_i420_passes_unchanged(recorder: type[Recorder], size: tuple[int, int]) -> None:
    sink = VirtualCameraSink(None, *size, 30)
    pictures = [to_i420(portrait(*size)), to_i420(np.zeros((size[1], size[0], 3), np.uint8))]
    for picture in pictures:
        sink.publish(picture)
    (backend,) = recorder.opened
    assert backend.sent == [picture.tobytes() for picture in pictures]
    assert backend.shape == size
    assert backend.fps == 30
    assert backend.fourcc == pyvirtualcam.util.encode_fourcc("I420")
    assert (sink.pixel_format, sink.resizing) == ("i420", "reopen")
    assert str(recorder.node) in sink.name


def test_close_may_be_called_twice(recorder: type[Recorder]) -> None:
    sink = VirtualCameraSink(str(recorder.node), 64, 48, 30)
    sink.close()
    sink.close()
    assert recorder.opened[0].closed == 1


@on_linux
def test_no_device_at_all(recorder: type[Recorder]) -> None:
    recorder.node.unlink()
    with pytest.raises(OutputError) as caught:
        VirtualCameraSink(None, 64, 48, 30)
    message = str(caught.value)
    assert "\n" not in message
    assert "bgblur-cam setup" in message
    assert "--output web" in message


@on_linux
@pytest.mark.usefixtures("recorder")
def test_the_requested_device_is_not_available() -> None:
    with pytest.raises(OutputError) as caught:
        VirtualCameraSink("/dev/video63", 64, 48, 30)
    message = str(caught.value)
    assert "\n" not in message
    assert "/dev/video63" in message
    assert "no such device in the recorder" in message
    assert "bgblur-cam setup" in message


@on_linux
def test_the_real_back_end_refuses_a_file_that_is_not_a_device(tmp_path: Path) -> None:
    node = tmp_path / "video0"
    node.touch()
    for device, why in {
        node: "is not a virtual camera: choose one that",
        tmp_path: "is not a virtual camera: choose one that",
        Path("/dev/null"): "/dev/null is not a virtual camera: choose one that",
        tmp_path / "none": "cannot write to the virtual camera",
    }.items():
        with pytest.raises(OutputError, match=why) as caught:
            VirtualCameraSink(str(device), 64, 48, 30)
        assert "\n" not in str(caught.value)


@on_linux
def test_a_device_that_vanishes(recorder: type[Recorder]) -> None:
    """pyvirtualcam alone would not report it."""
    sink = VirtualCameraSink(None, 64, 48, 30)
    picture = to_i420(portrait(64, 48))
    sink.publish(picture)
    recorder.node.unlink()
    with pytest.raises(OutputError, match="is gone: load v4l2loopback again"):
        sink.publish(picture)
    sink.close()
    assert len(recorder.opened[0].sent) == 1
