from __future__ import annotations

import platform
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from support.model_files import BRIGHT_AT_ITS_HEIGHT, write_model
from support.pipeline_parts import SquareSource
from support.scenes import portrait

from bgblur.compositing.compositor import CpuCompositor
from bgblur.config.settings import CameraSettings, EngineSettings, Settings
from bgblur.errors import BgblurError, CameraError, ModelError, OutputError, UsageError
from bgblur.pipeline import build as parts
from bgblur.pipeline.build import (
    is_file_name,
    load_backend,
    look_of,
    mask_of,
    open_sink,
    open_source,
)
from bgblur.segmentation.options import MaskOptions
from bgblur.sinks import Sink
from bgblur.sinks.null import NullSink
from bgblur.sinks.video import VideoSink
from bgblur.sources.demo import DemoSource
from bgblur.sources.kept_controls import KeptControls
from bgblur.sources.video import VideoSource
from bgblur.stats import Stats

on_linux = pytest.mark.skipif(platform.system() != "Linux", reason="devices are files on Linux")


def no_preview() -> Sink:
    raise AssertionError("nobody asked for the preview")


def test_demo_has_the_size_asked_for() -> None:
    source = open_source(CameraSettings(device="demo", width=320, height=200, fps=15))
    assert isinstance(source, DemoSource)
    assert (source.width, source.height, source.fps) == (320, 200, 15)


def test_a_clip_is_opened_by_its_name(data: Path) -> None:
    source = open_source(CameraSettings(device=str(data / "video" / "webcam" / "book.mkv")))
    assert isinstance(source, VideoSource)
    assert (source.width, source.height) == (640, 480)
    source.close()


@pytest.mark.parametrize(
    ("device", "is_file"),
    [
        ("0", False),
        ("demo", False),
        ("/dev/video0", False),
        ("/dev/v4l/by-id/usb-camera.0-index0", False),
        ("clip.mp4", True),
        ("~/clips/clip.MKV", True),
        ("clip.3gp", True),
        ("clip.m2ts", True),
        ("webcam", False),
        ("HD Pro Webcam C920", False),
        ("USB2.0 HD UVC WebCam", False),
        ("Camera 2.0", False),
    ],
)
def test_which_names_are_files(device: str, is_file: bool) -> None:
    assert is_file_name(device) is is_file


def test_a_clip_without_ending_is_found_on_the_disk(tmp_path: Path) -> None:
    (tmp_path / "clip").touch()
    assert is_file_name(str(tmp_path / "clip"))


@on_linux
@pytest.mark.parametrize("device", ["63", "/dev/video63", "front camera", "none.mp4"])
def test_a_missing_source_is_reported_in_one_line(device: str) -> None:
    with pytest.raises((CameraError, UsageError)) as caught:
        open_source(CameraSettings(device=device))
    assert device in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code in (2, 3)


def test_the_preview_is_opened_for_web() -> None:
    sink = NullSink()
    assert open_sink("web", 320, 180, 30, lambda: sink) is sink


def test_a_file_name_opens_a_video(tmp_path: Path) -> None:
    sink = open_sink(str(tmp_path / "out.mp4"), 320, 180, 30, no_preview)
    assert isinstance(sink, VideoSink)
    sink.close()


@on_linux
def test_a_missing_output_is_reported_in_one_line(tmp_path: Path) -> None:
    for device in ("/dev/video63", str(tmp_path / "video0")):
        with pytest.raises(OutputError) as caught:
            open_sink(device, 320, 180, 30, no_preview)
        assert "\n" not in str(caught.value)
        assert caught.value.exit_code == 4


def test_backend_on_the_cpu(tmp_path: Path) -> None:
    model = write_model(tmp_path / "model.ts", BRIGHT_AT_ITS_HEIGHT)
    settings = EngineSettings(model=str(model), device="cpu", precision="fp32", input_height=96)
    stats = Stats()
    backend = load_backend(settings, stats)
    assert isinstance(backend.compositor, CpuCompositor)
    assert (backend.device, backend.precision, backend.input_height) == ("cpu", "fp32", 96)
    image = portrait(160, 90)
    pixels, alpha = backend.segment(image, MaskOptions())
    assert pixels is image
    assert alpha.shape == (90, 160)
    stages: Any = stats.snapshot()["stages_ms"]
    assert "inference" in stages


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        (EngineSettings(model="none.ts", device="cpu"), ModelError),
        (EngineSettings(device="cpu", precision="fp16"), UsageError),
        pytest.param(
            EngineSettings(device="cuda"),
            UsageError,
            marks=pytest.mark.skipif(torch.cuda.is_available(), reason="CUDA is here"),
        ),
    ],
)
def test_a_backend_that_is_not_loaded(settings: EngineSettings, error: type[BgblurError]) -> None:
    with pytest.raises(error) as caught:
        load_backend(settings, Stats())
    assert "\n" not in str(caught.value)


def test_the_look_follows_the_settings(tmp_path: Path) -> None:
    picture = tmp_path / "room.png"
    cv2.imwrite(str(picture), portrait(64, 48))
    values = {"mode": "image", "image": str(picture), "strength": 35, "color": "#FF8001"}
    settings = Settings.model_validate({"background": values, "camera": {"mirror": True}})
    look = look_of(settings)
    assert (look.mode, look.strength, look.mirror) == ("image", 35, True)
    assert look.color == (0x01, 0x80, 0xFF)  # BGR
    assert look.picture is not None
    np.testing.assert_array_equal(look.picture, portrait(64, 48))


def test_the_picture_is_read_only_where_it_is_shown(tmp_path: Path) -> None:
    values = {"mode": "blur", "image": str(tmp_path / "none.png")}
    assert look_of(Settings.model_validate({"background": values})).picture is None
    values["mode"] = "image"
    with pytest.raises(UsageError, match=r"none\.png") as caught:
        look_of(Settings.model_validate({"background": values}))
    assert "\n" not in str(caught.value)


def test_the_mask_follows_the_settings() -> None:
    mask = {"refine_edges": False, "smoothing": 0.25, "feather": 0.75}
    assert mask_of(Settings.model_validate({"mask": mask})) == MaskOptions(False, 0.25, 0.75)
    assert mask_of(Settings()) == MaskOptions()


class Camera(SquareSource):
    card = "HD Cam"


class Cameras:
    """The cameras ``there``, by number or name; the openings ``asked`` for; the kernel's names."""

    def __init__(self) -> None:
        self.there = {"0"}
        self.asked: list[str] = []
        self.numbers: dict[str, str] = {}

    def open(self, camera: CameraSettings, _: KeptControls | None = None) -> Camera:
        self.asked.append(camera.device)
        if camera.device not in self.there:
            raise CameraError(f"there is no camera {camera.device}")
        return Camera()


@pytest.fixture
def cameras(monkeypatch: pytest.MonkeyPatch) -> Cameras:
    """The cameras of this machine, for one test."""
    cameras = Cameras()
    monkeypatch.setattr(parts, "open_source", cameras.open)
    monkeypatch.setattr(parts, "node_name", cameras.numbers.get)
    return cameras


def test_a_camera_that_got_another_number_is_found_by_its_name(cameras: Cameras) -> None:
    opened = parts.source_opener(CameraSettings(device="0"))
    opened()
    cameras.there.clear()
    with pytest.raises(CameraError, match="no camera 0"):
        opened()
    cameras.there.add("HD Cam")
    opened()
    assert cameras.asked == ["0", "0", "HD Cam", "0", "HD Cam"]


def test_a_number_that_now_belongs_to_another_camera_is_not_followed(cameras: Cameras) -> None:
    cameras.numbers["0"] = "HD Cam: HD Cam"  # the kernel's name is not always the camera's own
    cameras.there.add("HD Cam")
    opened = parts.source_opener(CameraSettings(device="0"))
    opened()
    opened()
    assert cameras.asked == ["0", "0"]
    cameras.numbers["0"] = "Dock Cam"
    opened()
    assert cameras.asked == ["0", "0", "HD Cam"]


def test_a_camera_that_was_swapped_for_another_is_opened(cameras: Cameras) -> None:
    cameras.numbers["0"] = "HD Cam"
    opened = parts.source_opener(CameraSettings(device="0"))
    opened()
    cameras.numbers["0"] = "Dock Cam"
    opened()
    opened()
    assert cameras.asked == ["0", "HD Cam", "0", "0"]


def test_a_camera_that_was_never_open_is_not_looked_for_by_name(cameras: Cameras) -> None:
    cameras.there.clear()
    with pytest.raises(CameraError, match="no camera 0"):
        parts.source_opener(CameraSettings(device="0"))()
    assert cameras.asked == ["0"]
